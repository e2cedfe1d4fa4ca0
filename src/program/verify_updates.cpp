#include "program/verify_updates.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "program/buckets.h"
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
    case StateKind::gathered:
      return program[id].weight;
    default:
      return kNoValue;
  }
}

// How often the forward computes with each weight. What is gathered of a weight, and its cast, stand for it.
Counts uses(const Program& program) {
  Counts counts;
  std::map<ValueId, ValueId> stands_for;
  const auto weight_at = [&](ValueId id) {
    const auto it = stands_for.find(id);
    return it == stands_for.end() ? weight_of(program, id) : it->second;
  };
  for (const Node& node : program.forward) {
    if (std::holds_alternative<CastWeight>(node.op)) continue;
    if (const auto* gather = std::get_if<GatherShards>(&node.op)) {
      for (std::size_t i = 0; i < gather->weights.size(); ++i) {
        stands_for[gather->weights[i].id] = gather->shards[i].id;
      }
      continue;
    }
    if (const auto* quantize = std::get_if<Quantize>(&node.op); quantize && quantize->of_weight) {
      const ValueId weight = weight_at(quantize->x.id);
      stands_for[quantize->q.id] = stands_for[quantize->q_t.id] = weight;
      continue;
    }
    if (const auto* transpose = std::get_if<Transpose>(&node.op)) {
      stands_for[transpose->out.id] = weight_at(transpose->x.id);
      continue;
    }
    for (const Operand& operand : collect(node.op)) {
      if (operand.use != Use::in) continue;
      if (const ValueId weight = weight_at(operand.id); weight != kNoValue) ++counts[weight];
    }
  }
  return counts;
}

// Of how many weight gradients a value of the backward is the sum.
class Summands {
 public:
  explicit Summands(const Program& program) {
    for (const Node& node : program.backward) {
      for (const Operand& operand : collect(node.op)) {
        if (operand.use == Use::out) made_by_[operand.id] = &node.op;
      }
    }
  }

  int of(ValueId id) const {
    const auto it = made_by_.find(id);
    if (it == made_by_.end()) return 1;
    if (const auto* add = std::get_if<Add>(it->second)) return of(add->a.id) + of(add->b.id);
    if (const auto* reduce = std::get_if<AllReduce>(it->second)) return of(reduce->x.id);
    if (const auto* copied = std::get_if<ReduceCopiedRows>(it->second)) return of(copied->dw.id);
    return 1;
  }

 private:
  std::map<ValueId, const Op*> made_by_;
};

void accumulations(const Program& program) {
  Counts counts;
  const Summands summands(program);
  for (const Node& node : program.backward) {
    if (const auto* op = std::get_if<Accumulate>(&node.op)) ++counts[op->main_grad.id];
    if (const auto* fused = std::get_if<WeightGradAccumulate>(&node.op)) ++counts[fused->main_grad.id];
    if (const auto* fused = std::get_if<GroupedWeightGradAccumulate>(&node.op)) ++counts[fused->main_grad.id];
    if (const auto* scatter = std::get_if<ScatterGrads>(&node.op)) {
      for (std::size_t i = 0; i < scatter->dws.size(); ++i) {
        counts[scatter->main_grads[i].id] += summands.of(scatter->dws[i].id);
      }
    }
  }
  const Counts wanted = uses(program);
  for (ValueId grad : states(program, StateKind::main_grad)) {
    const int used = count_of(wanted, program[grad].weight);
    if (count_of(counts, grad) == used) continue;
    throw ProgramError(fmt::format("main gradient of {}: added to {} times, should be {}, as often as it is used",
                                   label(program, grad), count_of(counts, grad), used));
  }
}

// Whole weights of which each dp rank updates a part.
std::set<ValueId> scattered_weights(const Program& program) {
  std::set<ValueId> weights;
  for (const Node& node : program.backward) {
    const auto* op = std::get_if<ReduceGrads>(&node.op);
    if (op == nullptr || !op->scatter) continue;
    for (InOut grad : op->main_grads) {
      if (const ValueId weight = program[grad.id].weight; !program[weight].sharded) weights.insert(weight);
    }
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

// Main gradients that an op of the optimizer takes in shares; empty for others.
InOutList shared_out(const Op& op) {
  if (const auto* norm = std::get_if<GradNorm>(&op)) return norm->main_grads;
  if (const auto* update = std::get_if<AdamW>(&op)) return update->main_grads;
  return {};
}

// A rank's share of a bucket is a range of all of it, whatever weights lie there.
void whole_buckets(const Program& program) {
  const std::set<ValueId> scattered = scattered_weights(program);
  const std::vector<Bucket> list = buckets(program);
  for (const Node& node : program.optimizer) {
    std::set<ValueId> taken;
    for (InOut grad : shared_out(node.op)) taken.insert(grad.id);
    if (taken.empty()) continue;
    for (const Bucket& bucket : list) {
      if (!bucket.sharded_weights && !scattered.contains(bucket.weights.front().id)) continue;
      const auto held = std::ranges::count_if(bucket.main_grads, [&](InOut grad) { return taken.contains(grad.id); });
      if (held == 0 || held == std::ssize(bucket.main_grads)) continue;
      throw ProgramError(fmt::format("{}: takes a part of the bucket of {}", name(node.op),
                                     label(program, bucket.main_grads.front().id)));
    }
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
  whole_buckets(program);
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
