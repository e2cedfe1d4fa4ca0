#include "program/verify_updates.h"

#include <fmt/format.h>

#include <map>
#include <set>

#include "program/infer.h"
#include "program/operands.h"

namespace perfbench {
namespace {

using Counts = std::map<ValueId, int>;

int count_of(const Counts& counts, ValueId id) {
  const auto it = counts.find(id);
  return it == counts.end() ? 0 : it->second;
}

// The weight that an operand stands for: itself, or what it is a copy of; kNoValue for all others.
ValueId weight_of(const Program& program, ValueId id) {
  switch (program[id].state) {
    case StateKind::weight:
      return id;
    case StateKind::cast:
    case StateKind::cast_transposed:
      return program[id].weight;
    default:
      return kNoValue;
  }
}

// How often the forward computes with each weight.
Counts uses(const Program& program) {
  Counts counts;
  for (const Node& node : program.forward) {
    if (std::holds_alternative<CastWeight>(node.op)) continue;
    for (const Operand& operand : collect(node.op)) {
      if (operand.use != Use::in) continue;
      if (const ValueId weight = weight_of(program, operand.id); weight != kNoValue) ++counts[weight];
    }
  }
  return counts;
}

void accumulations(const Program& program) {
  Counts counts;
  for (const Node& node : program.backward) {
    if (const auto* op = std::get_if<Accumulate>(&node.op)) ++counts[op->main_grad.id];
    if (const auto* fused = std::get_if<WeightGradAccumulate>(&node.op)) ++counts[fused->main_grad.id];
  }
  const Counts wanted = uses(program);
  for (ValueId grad : states(program, StateKind::main_grad)) {
    const int used = count_of(wanted, program[grad].weight);
    if (count_of(counts, grad) == used) continue;
    throw ProgramError(fmt::format("main gradient of {}: added to {} times, should be {}, as often as it is used",
                                   label(program, grad), count_of(counts, grad), used));
  }
}

// Weights of which each dp rank updates a part.
std::set<ValueId> scattered_weights(const Program& program) {
  std::set<ValueId> weights;
  for (const Node& node : program.backward) {
    const auto* op = std::get_if<ReduceGrads>(&node.op);
    if (op == nullptr || !op->scatter) continue;
    for (InOut grad : op->main_grads) weights.insert(program[grad.id].weight);
  }
  return weights;
}

void gathers(const Program& program) {
  const std::set<ValueId> scattered = scattered_weights(program);
  Counts counts;
  for (const Node& node : program.forward) {
    if (const auto* op = std::get_if<GatherParams>(&node.op)) {
      for (InOut weight : op->weights) ++counts[weight.id];
      continue;
    }
    for (const Operand& operand : collect(node.op)) {
      if (!scattered.contains(operand.id) || counts.contains(operand.id)) continue;
      throw ProgramError(fmt::format("{}: reads {} before it is gathered", name(node.op), label(program, operand.id)));
    }
  }
  for (ValueId weight : states(program, StateKind::weight)) {
    const int wanted = scattered.contains(weight) ? 1 : 0;
    if (count_of(counts, weight) == wanted) continue;
    throw ProgramError(fmt::format("{}: gathered {} times over dp, should be {}", label(program, weight),
                                   count_of(counts, weight), wanted));
  }
}

void each_once(const Program& program, std::string_view op, const Counts& counts) {
  for (ValueId grad : states(program, StateKind::main_grad)) {
    if (count_of(counts, grad) == 1) continue;
    throw ProgramError(fmt::format("{}: takes the main gradient of {} {} times, should be once", op,
                                   label(program, grad), count_of(counts, grad)));
  }
}

void optimizer(const Program& program) {
  if (program.optimizer.empty()) return;
  Counts normed, updated;
  for (const Node& node : program.optimizer) {
    if (std::holds_alternative<ReduceSharedGrads>(node.op) && !(normed.empty() && updated.empty())) {
      throw ProgramError("reduce_shared_grads: runs after its sums were used");
    }
    if (const auto* norm = std::get_if<GradNorm>(&node.op)) {
      for (InOut grad : norm->main_grads) ++normed[grad.id];
    }
    const auto* op = std::get_if<AdamW>(&node.op);
    if (op == nullptr) continue;
    for (std::size_t i = 0; i < op->main_grads.size(); ++i) {
      const ValueId grad = op->main_grads[i].id;
      ++updated[grad];
      if (i < op->weights.size() && op->weights[i].id == program[grad].weight) continue;
      throw ProgramError(fmt::format("adamw: {} is not given its own weight", label(program, grad)));
    }
  }
  each_once(program, GradNorm::kName, normed);
  each_once(program, AdamW::kName, updated);
}

}  // namespace

void verify_updates(const Program& program) {
  if (!program.backward.empty()) {
    accumulations(program);
    gathers(program);
  }
  optimizer(program);
}

}  // namespace perfbench
