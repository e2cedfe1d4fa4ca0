#include "program/backward/context.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "program/operands.h"

namespace perfbench {
namespace {

std::size_t index(ValueId id) { return static_cast<std::size_t>(id); }

// Of an op that carries rows with their weights, the weights as it takes and as it gives them: they depend on nothing
// else.
std::optional<std::pair<ValueId, ValueId>> carried_weights(const Op& op) {
  if (const auto* permute = std::get_if<Permute>(&op)) return std::pair(permute->weights.id, permute->row_weights.id);
  if (const auto* sent = std::get_if<AllToAll>(&op)) return std::pair(sent->weights.id, sent->out_weights.id);
  if (const auto* sorted = std::get_if<Regroup>(&op)) return std::pair(sorted->weights.id, sorted->out_weights.id);
  return std::nullopt;
}

}  // namespace

BackwardContext::BackwardContext(Program& program, const Policy& policy)
    : program_(program), policy_(policy), build_(program, policy, Phase::backward) {
  for (const Node& node : program_.forward) {
    for (const Operand& operand : collect(node.op)) {
      if (operand.use == Use::out) definition_[operand.id] = &node.op;
    }
  }
  for (ValueId cast : states(program_, StateKind::cast_transposed)) transposed_cast_[program_[cast].weight] = cast;
  mark_needed();
}

void BackwardContext::mark_needed() {
  needed_.assign(program_.values.size(), false);
  for (std::size_t i = 0; i < program_.values.size(); ++i) {
    const Value& value = program_.values[i];
    if (value.state == StateKind::weight) needed_[i] = value.trainable;
  }
  for (ValueId cast : states(program_, StateKind::cast)) needed_[index(cast)] = needed_[index(program_[cast].weight)];
  if (program_.input != kNoValue) needed_[index(program_.input)] = true;
  for (const Node& node : program_.forward) {
    const std::vector<Operand> operands = collect(node.op);
    const bool any = std::any_of(operands.begin(), operands.end(),
                                 [&](const Operand& o) { return o.reads() && needed_[index(o.id)]; });
    for (const Operand& o : operands) {
      if (o.use == Use::out) needed_[index(o.id)] = any;
    }
    if (const auto carried = carried_weights(node.op); carried && carried->second != kNoValue) {
      needed_[index(carried->second)] = carried->first != kNoValue && needed_[index(carried->first)];
    }
  }
}

bool BackwardContext::needed(In operand) const { return operand.id != kNoValue && needed_[index(operand.id)]; }

void BackwardContext::give(In operand, ValueId gradient) {
  if (needed(operand)) pending_[operand.id].push_back(gradient);
}

ValueId BackwardContext::gradient(ValueId id, bool keep_partial) {
  const std::vector<ValueId> parts = pending_[id];
  ValueId whole = kNoValue, partial = kNoValue;
  for (ValueId part : parts) {
    ValueId& sum = type(part).placement[Axis::tp].is_partial() ? partial : whole;
    sum = sum == kNoValue ? part : build_.emit(Add{.a = {sum}, .b = {part}}, {"grad_sum"}).out.id;
  }
  if (partial == kNoValue) return whole;
  if (keep_partial && whole == kNoValue) return partial;
  const ValueId reduced = build_.emit(AllReduce{.x = {partial}}, {"grad"}).out.id;
  return whole == kNoValue ? reduced : build_.emit(Add{.a = {whole}, .b = {reduced}}, {"grad_sum"}).out.id;
}

void BackwardContext::accumulate(ValueId weight, ValueId dw) {
  ValueId& main_grad = main_grad_.try_emplace(weight, kNoValue).first->second;
  if (main_grad == kNoValue) {
    Value state = program_[weight];
    state.role = Role::state;
    state.type = type(dw);
    state.type.dtype = policy_.main_grad;
    state.state = StateKind::main_grad;
    state.weight = weight;
    main_grad = build_.add(state);
  }
  build_.emit(Accumulate{.dw = {dw}, .main_grad = {main_grad}}, {});
}

void BackwardContext::bias_grad(In bias, ValueId dy) {
  if (needed(bias)) accumulate(bias.id, build_.emit(BiasGrad{.dy = {dy}}, {"dw"}).dw.id);
}

ValueId BackwardContext::saved(ValueId id) {
  const auto it = definition_.find(id);
  if (it == definition_.end() || !policy_.regather) return id;
  const auto* gather = std::get_if<AllGather>(it->second);
  return gather == nullptr ? id : build_.emit(AllGather{*gather}, {program_[id].name}).out.id;
}

ValueId BackwardContext::saved_transposed(ValueId original, ValueId again) {
  const auto it = definition_.find(original);
  if (it != definition_.end()) {
    if (const auto* quantize = std::get_if<Quantize>(it->second); quantize && quantize->q_t.id != kNoValue) {
      return quantize->q_t.id;
    }
  }
  return build_.emit(Transpose{.x = {again}}, {"x8_t"}).out.id;
}

ValueId BackwardContext::transposed_cast(ValueId weight) const {
  const auto it = transposed_cast_.find(weight);
  return it == transposed_cast_.end() ? kNoValue : it->second;
}

BackwardContext::Gradient8 BackwardContext::quantize_gradient(ValueId dy, bool with_transpose) {
  const auto* gather = program_.backward.empty() ? nullptr : std::get_if<AllGather>(&program_.backward.back().op);
  if (gather == nullptr || gather->out.id != dy || !type(gather->x.id).placement[Axis::tp].is_split(0)) {
    Quantize op{.x = {dy}, .dtype = DType::f8e5m2, .amax_over_tp = type(dy).placement[Axis::tp].is_split(0)};
    op = build_.emit(op, {"dy8", with_transpose ? "dy8_t" : nullptr, "scale"});
    return {op.q.id, op.q_t.id, op.scale.id};
  }
  const ValueId shard = gather->x.id;
  program_.backward.pop_back();
  program_.values.pop_back();
  Quantize op{.x = {shard}, .dtype = DType::f8e5m2, .amax_over_tp = true};
  op = build_.emit(op, {"dy8", nullptr, "scale"});
  const ValueId whole = build_.emit(AllGather{.x = {op.q.id}}, {"dy8"}).out.id;
  return {whole, with_transpose ? build_.emit(Transpose{.x = {whole}}, {"dy8_t"}).out.id : kNoValue, op.scale.id};
}

}  // namespace perfbench
