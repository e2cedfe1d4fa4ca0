#include "program/verify_shards.h"

#include <fmt/format.h>

#include <map>
#include <set>

#include "program/buckets.h"
#include "program/infer.h"
#include "program/operands.h"

namespace perfbench {
namespace {

using Ids = std::vector<ValueId>;

Ids ids_of(const InOutList& list) {
  Ids ids;
  for (InOut state : list) ids.push_back(state.id);
  return ids;
}

class VerifyShards {
 public:
  explicit VerifyShards(const Program& program) : program_(program) {}

  void run() {
    forward();
    for (const Node& node : program_.backward) {
      if (const auto* gather = std::get_if<GatherShards>(&node.op)) again(*gather);
      if (const auto* scatter = std::get_if<ScatterGrads>(&node.op)) {
        travels(ScatterGrads::kName, scatter->main_grads, scatter->group);
      }
      if (const auto* reduce = std::get_if<ReduceGrads>(&node.op)) reduced(*reduce);
      if (const auto* shares = std::get_if<ReduceShares>(&node.op)) summed(*shares);
    }
    if (!program_.backward.empty()) each_over_replicas();
  }

 private:
  std::string label(ValueId id) const { return perfbench::label(program_, id); }

  void forward() {
    std::map<ValueId, int> count;
    for (const Node& node : program_.forward) {
      const auto* op = std::get_if<GatherShards>(&node.op);
      if (op == nullptr) {
        reads_after_gather(node, count);
        continue;
      }
      shared_by(GatherShards::kName, op->shards.front().id, op->group);
      gathered_.insert(ids_of(as_states(op->shards)));
      for (In shard : op->shards) ++count[shard.id];
    }
    for (ValueId weight : states(program_, StateKind::weight)) {
      const int wanted = program_[weight].sharded ? 1 : 0;
      if (count[weight] == wanted) continue;
      throw ProgramError(
          fmt::format("{}: gathered {} times in the forward, should be {}", label(weight), count[weight], wanted));
    }
  }

  // A whole copy that stays is there from its gather on.
  void reads_after_gather(const Node& node, const std::map<ValueId, int>& gathered) const {
    for (const Operand& operand : collect(node.op)) {
      const Value& value = program_[operand.id];
      if (value.state != StateKind::gathered || gathered.contains(value.weight)) continue;
      throw ProgramError(fmt::format("{}: reads {} before it is gathered", name(node.op), label(operand.id)));
    }
  }

  void again(const GatherShards& op) {
    const Ids weights = ids_of(as_states(op.shards));
    shared_by(GatherShards::kName, weights.front(), op.group);
    if (!gathered_.contains(weights)) {
      throw ProgramError(
          fmt::format("gather_shards: {} is gathered with others than in the forward", label(weights.front())));
    }
    if (!again_.insert(weights).second) {
      throw ProgramError(fmt::format("gather_shards: {} is gathered twice in the backward", label(weights.front())));
    }
  }

  void reduced(const ReduceGrads& op) {
    if (gathered_.empty()) return;
    if (!op.scatter) throw ProgramError("reduce_grads: all of a sum is kept where the rank updates a share");
    travels(ReduceGrads::kName, op.main_grads, op.group);
  }

  // A share is summed over the replicas once it is complete within its group: all main gradients of it at once.
  void summed(const ReduceShares& op) {
    if (op.group != Group::replicas) throw ProgramError("reduce_shares: not over the replicas");
    const Ids grads = ids_of(op.main_grads);
    if (!travelled_.contains(grads)) {
      throw ProgramError(
          fmt::format("reduce_shares: {} goes with others than before, or too early", label(grads.front())));
    }
    for (ValueId grad : grads) ++over_replicas_[grad];
  }

  void each_over_replicas() const {
    const int wanted = program_.mesh.replicas > 1 ? 1 : 0;
    for (ValueId grad : states(program_, StateKind::main_grad)) {
      const auto it = over_replicas_.find(grad);
      const int found = it == over_replicas_.end() ? 0 : it->second;
      if (found == wanted) continue;
      throw ProgramError(
          fmt::format("main gradient of {}: summed {} times over replicas, should be {}", label(grad), found, wanted));
    }
  }

  void shared_by(std::string_view op, ValueId state, Group group) const {
    const Group wanted = program_.mesh.sharing(program_[state].view);
    if (group == wanted) return;
    throw ProgramError(
        fmt::format("{}: {} travels over {}, but is shared over {}", op, label(state), name(group), name(wanted)));
  }

  // The shares of weights and of their main gradients are of the same elements.
  void travels(std::string_view op, const InOutList& main_grads, Group group) {
    shared_by(op, main_grads.front().id, group);
    travelled_.insert(ids_of(main_grads));
    Ids weights;
    for (InOut grad : main_grads) weights.push_back(program_[grad.id].weight);
    if (gathered_.contains(weights)) return;
    throw ProgramError(fmt::format("{}: {} goes with others than its weight", op, label(main_grads.front().id)));
  }

  const Program& program_;
  std::set<Ids> gathered_, again_;  // lists of weights
  std::set<Ids> travelled_;         // lists of main gradients that were summed over the ranks that share them
  std::map<ValueId, int> over_replicas_;
};

}  // namespace

void verify_shards(const Program& program) { VerifyShards(program).run(); }

}  // namespace perfbench
