#include "program/backward.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "program/builder.h"
#include "program/operands.h"

namespace perfbench {
namespace {

template <class T, class... Listed>
concept OneOf = (std::is_same_v<T, Listed> || ...);

class Backward {
 public:
  Backward(Program& program, const Policy& policy)
      : program_(program), policy_(policy), build_(program, policy, Phase::backward) {
    for (const Node& node : program_.forward) {
      for (const Operand& operand : collect(node.op)) {
        if (operand.use == Use::out) definition_[operand.id] = &node.op;
      }
    }
    for (ValueId cast : states(program_, StateKind::cast_transposed)) transposed_cast_[program_[cast].weight] = cast;
    mark_needed();
  }

  void run() {
    if (program_.output != kNoValue) {
      build_.enter_layer(-1);
      program_.grad_output = build_.boundary("grad_output", program_.type(program_.output).shape);
      pending_[program_.output].push_back(program_.grad_output);
    }
    for (std::size_t i = program_.forward.size(); i-- > 0;) {
      const Node& node = program_.forward[i];
      build_.enter_layer(node.layer);
      std::visit([this](const auto& op) { rule(op); }, node.op);
    }
    if (program_.input != kNoValue) program_.grad_input = gradient(program_.input);
  }

 private:
  // A value needs a gradient when a trainable weight or the chunk's input is above it.
  void mark_needed() {
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
    }
  }

  static std::size_t index(ValueId id) { return static_cast<std::size_t>(id); }
  bool needed(In operand) const { return operand.id != kNoValue && needed_[index(operand.id)]; }
  const ValueType& type(ValueId id) const { return program_.type(id); }

  void give(In operand, ValueId gradient) {
    if (needed(operand)) pending_[operand.id].push_back(gradient);
  }

  // The sum of what the readers of `id` gave; kNoValue when nobody did. Partial sums over tp of a replicated value are
  // completed, unless the caller completes them itself.
  ValueId gradient(ValueId id, bool keep_partial = false) {
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
  ValueId gradient(Out operand, bool keep_partial = false) { return gradient(operand.id, keep_partial); }

  void accumulate(ValueId weight, ValueId dw) {
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

  // A forward value as the backward reads it: what was gathered along tokens is gathered again where the policy says
  // so.
  ValueId saved(ValueId id) {
    const auto it = definition_.find(id);
    if (it == definition_.end() || !policy_.regather) return id;
    const auto* gather = std::get_if<AllGather>(it->second);
    return gather == nullptr ? id : build_.emit(AllGather{*gather}, {program_[id].name}).out.id;
  }

  // x^T for an FP8 weight gradient: saved by the quantisation, or made now.
  ValueId saved_transposed(ValueId original, ValueId again) {
    const auto it = definition_.find(original);
    if (it != definition_.end()) {
      if (const auto* quantize = std::get_if<Quantize>(it->second); quantize && quantize->q_t.id != kNoValue) {
        return quantize->q_t.id;
      }
    }
    return build_.emit(Transpose{.x = {again}}, {"x8_t"}).out.id;
  }

  struct Gradient8 {
    ValueId q = kNoValue, q_t = kNoValue, scale = kNoValue;
  };
  // dy in FP8. A gradient that was just gathered is cast first and gathered in FP8: half the bytes.
  Gradient8 quantize_gradient(ValueId dy, bool with_transpose) {
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

  void rule(const Embedding& op) {
    const ValueId dout = gradient(op.out);
    if (dout == kNoValue || !needed(op.weight)) return;
    EmbeddingBackward back{.dout = {dout}, .tokens = op.tokens, .weight = op.weight, .axis = op.axis};
    accumulate(op.weight.id, build_.emit(back, {"dw"}).dw.id);
  }

  void rule(const RmsNorm& op) {
    const ValueId dy = gradient(op.y);
    if (dy == kNoValue) return;
    RmsNormBackward back{.dy = {dy}, .sum = op.x, .weight = op.weight, .rstd = {op.rstd.id}};
    if (op.sum.id != kNoValue) {
      back.sum = {op.sum.id};
      back.dsum = {gradient(op.sum)};
    }
    back = build_.emit(back, {"dx", needed(op.weight) ? "dw" : nullptr});
    give(op.x, back.dx.id);
    give(op.residual, back.dx.id);
    if (back.dw.id != kNoValue) accumulate(op.weight.id, back.dw.id);
  }

  void rule(const LayerNorm& op) {
    const ValueId dy = gradient(op.y);
    if (dy == kNoValue) return;
    LayerNormBackward back{.dy = {dy}, .sum = op.x, .weight = op.weight, .mean = {op.mean.id}, .rstd = {op.rstd.id}};
    back.weight_offset = op.weight_offset;
    if (op.sum.id != kNoValue) {
      back.sum = {op.sum.id};
      back.dsum = {gradient(op.sum)};
    }
    back = build_.emit(back, {"dx", needed(op.weight) ? "dw" : nullptr, needed(op.bias) ? "db" : nullptr});
    give(op.x, back.dx.id);
    give(op.residual, back.dx.id);
    if (back.dw.id != kNoValue) accumulate(op.weight.id, back.dw.id);
    if (back.db.id != kNoValue) accumulate(op.bias.id, back.db.id);
  }

  void rule(const QkNorm& op) {
    const ValueId dout = gradient(op.out);
    if (dout == kNoValue) return;
    QkNormBackward back{.dout = {dout},
                        .qkv = op.qkv,
                        .q_weight = op.q_weight,
                        .k_weight = op.k_weight,
                        .rstd = {op.rstd.id},
                        .heads = op.heads};
    const bool trains = needed(op.q_weight);
    back = build_.emit(back, {"dqkv", trains ? "dq_weight" : nullptr, trains ? "dk_weight" : nullptr});
    give(op.qkv, back.dqkv.id);
    if (!trains) return;
    accumulate(op.q_weight.id, back.dq_weight.id);
    accumulate(op.k_weight.id, back.dk_weight.id);
  }

  void rule(const Matmul& op) {
    ValueId dy = gradient(op.out);
    if (dy == kNoValue) return;
    const Value& b = program_[op.b.id];
    const ValueId weight = b.state == StateKind::weight ? op.b.id : b.weight;
    const bool fp8 = b.type.dtype == DType::f8e4m3;
    const bool wants_weight = program_[weight].trainable;

    if (op.bias.id != kNoValue) bias_grad(op.bias, dy);
    Gradient8 dy8{.q = dy};
    if (fp8) dy8 = quantize_gradient(dy, policy_.fp8_transposes && wants_weight);
    const ValueId x = wants_weight ? saved(op.a.id) : kNoValue;  // issued early: it runs beside the product
    if (needed(op.a)) {
      const auto cast = transposed_cast_.find(weight);
      const bool transposed = fp8 && cast != transposed_cast_.end();
      Matmul dgrad{.a = {dy8.q}, .b = op.b, .scale_a = {dy8.scale}, .scale_b = op.scale_b, .transpose_b = transposed};
      if (transposed) dgrad.b = {cast->second};
      give(op.a, build_.emit(dgrad, {"dx"}).out.id);
    }
    if (!wants_weight) return;
    WeightGrad wgrad{.dy = {dy8.q}, .x = {x}, .scale_dy = {dy8.scale}, .scale_x = op.scale_a};
    if (fp8 && policy_.fp8_transposes) {
      wgrad.dy = {dy8.q_t};
      wgrad.x = {saved_transposed(op.a.id, x)};
      wgrad.transposed = true;
    }
    accumulate(weight, build_.emit(wgrad, {"dw"}).dw.id);
  }

  void bias_grad(In bias, ValueId dy) {
    if (needed(bias)) accumulate(bias.id, build_.emit(BiasGrad{.dy = {dy}}, {"dw"}).dw.id);
  }

  void rule(const AddBias& op) {
    const ValueId dout = gradient(op.out);
    if (dout == kNoValue) return;
    bias_grad(op.bias, dout);
    give(op.x, dout);
  }

  void rule(const Add& op) {
    const ValueId dout = gradient(op.out);
    if (dout == kNoValue) return;
    give(op.a, dout);
    give(op.b, dout);
  }

  void rule(const Rope& op) {
    const ValueId dout = gradient(op.out);
    if (dout == kNoValue || !needed(op.qkv)) return;
    Rope back = op;
    back.qkv = {dout};
    back.inverse = !op.inverse;
    give(op.qkv, build_.emit(back, {"dqkv"}).out.id);
  }

  void rule(const Attention& op) {
    const ValueId dout = gradient(op.out);
    if (dout == kNoValue || !needed(op.qkv)) return;
    AttentionBackward back{.dout = {dout},
                           .qkv = op.qkv,
                           .starts = op.starts,
                           .out = {op.out.id},
                           .lse = {op.lse.id},
                           .heads = op.heads,
                           .batch = op.batch,
                           .seq = op.seq,
                           .causal = op.causal,
                           .attended = op.attended};
    give(op.qkv, build_.emit(back, {"dqkv"}).dqkv.id);
  }

  void rule(const SwiGlu& op) {
    const ValueId dy = gradient(op.y);
    if (dy == kNoValue || !needed(op.x)) return;
    give(op.x, build_.emit(SwiGluBackward{.dy = {dy}, .x = op.x}, {"dx"}).dx.id);
  }

  void rule(const Activate& op) {
    const ValueId dy = gradient(op.y);
    if (dy == kNoValue || !needed(op.x)) return;
    const ActivateBackward back{.dy = {dy}, .x = op.x, .activation = op.activation};
    give(op.x, build_.emit(back, {"dx"}).dx.id);
  }

  void rule(const AdapterUp& op) {
    const ValueId dout = gradient(op.out);
    if (dout == kNoValue) return;
    give(op.base, dout);
    if (needed(op.h)) {
      const AdapterUpBackward back{.dout = {dout}, .b = op.b, .columns = op.columns, .scale = op.scale};
      give(op.h, build_.emit(back, {"dh"}).dh.id);
    }
    if (!needed(op.b)) return;
    const AdapterWeightGrad grad{.dout = {dout}, .h = op.h, .columns = op.columns, .scale = op.scale};
    accumulate(op.b.id, build_.emit(grad, {"db"}).db.id);
  }

  // Rounding has no gradient of its own: it passes through.
  void rule(const Quantize& op) {
    const ValueId dq = gradient(op.q, true);
    if (dq != kNoValue) give(op.x, dq);
  }

  void rule(const AllGather& op) {
    const ValueId dout = gradient(op.out, true);
    if (dout == kNoValue || !needed(op.x)) return;
    if (!type(dout).placement[op.axis].is_partial()) {
      throw ProgramError("all_gather: the gradient of what it gathers is no partial sum");
    }
    give(op.x, build_.emit(ReduceScatter{.x = {dout}, .axis = op.axis}, {"dx"}).out.id);
  }

  void rule(const ReduceScatter& op) {
    const ValueId dout = gradient(op.out);
    if (dout == kNoValue || !needed(op.x)) return;
    give(op.x, build_.emit(AllGather{.x = {dout}, .axis = op.axis}, {"dy"}).out.id);
  }

  void rule(const AllReduce& op) {
    const ValueId dout = gradient(op.out);
    if (dout != kNoValue) give(op.x, dout);
  }

  void rule(const CrossEntropy& op) {
    CrossEntropyBackward back{.logits = op.logits,
                              .targets = op.targets,
                              .weight = op.weight,
                              .lse = {op.lse.id},
                              .axis = op.axis,
                              .vocab = op.vocab};
    give(op.logits, build_.emit(back, {"dlogits"}).dlogits.id);
  }

  void rule(const CastWeight&) {}  // the gradient goes to the weight itself

  // Ops that a forward never holds.
  void rule(const OneOf<EmbeddingBackward, RmsNormBackward, LayerNormBackward, QkNormBackward, AddMatmul, WeightGrad,
                        WeightGradAccumulate, BiasGrad, Accumulate, Transpose, AttentionBackward, SwiGluBackward,
                        ActivateBackward, AdapterUpBackward, AdapterWeightGrad, AdapterBackward, CrossEntropyBackward,
                        GatherParams, GatherShards, ScatterGrads, ReduceGrads, ReducePartialGrads, ReduceSharedGrads,
                        GradNorm, AdamW> auto& op) {
    throw ProgramError(fmt::format("{}: has no place in a forward", op.kName));
  }

  Program& program_;
  const Policy& policy_;
  Builder build_;
  std::vector<bool> needed_;
  std::map<ValueId, const Op*> definition_;          // of forward values
  std::map<ValueId, ValueId> main_grad_;             // weight -> its main gradient
  std::map<ValueId, ValueId> transposed_cast_;       // weight -> its transposed copy
  std::map<ValueId, std::vector<ValueId>> pending_;  // gradients given so far
};

}  // namespace

void derive_backward(Program& program, const Policy& policy) { Backward(program, policy).run(); }

}  // namespace perfbench
