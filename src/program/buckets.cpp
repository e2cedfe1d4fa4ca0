#include "program/buckets.h"

#include <map>
#include <utility>

namespace perfbench {
namespace {

Bucket sized(const Program& program, Bucket bucket) {
  bucket.ranks = program.mesh.ranks(bucket.group);
  bucket.elements = shard_elements(program, bucket.weights, 1);
  bucket.shard = shard_elements(program, bucket.weights, bucket.ranks);
  bucket.sharded_weights = program[bucket.weights.front().id].sharded;
  bucket.sharded_main_grads = !bucket.main_grads.empty() && program[bucket.main_grads.front().id].sharded;
  return bucket;
}

Bucket reduced(const Program& program, const ReduceGrads& op) {
  Bucket bucket{.main_grads = op.main_grads, .group = op.group};
  for (InOut grad : op.main_grads) bucket.weights.push_back({program[grad.id].weight});
  return sized(program, std::move(bucket));
}

Bucket gathered(const Program& program, const GatherShards& op, const std::map<ValueId, ValueId>& main_grad_of) {
  Bucket bucket{.weights = as_states(op.shards), .group = op.group};
  for (InOut weight : bucket.weights) {
    if (const auto it = main_grad_of.find(weight.id); it != main_grad_of.end()) {
      bucket.main_grads.push_back({it->second});
    }
  }
  return sized(program, std::move(bucket));
}

}  // namespace

InOutList as_states(const InList& list) {
  InOutList states;
  for (In operand : list) states.push_back({operand.id});
  return states;
}

std::int64_t shard_elements(const Program& program, const InOutList& states, std::int64_t shards) {
  std::int64_t elements = 0;
  for (InOut state : states) elements += program.type(state.id).shape.elements();
  return (elements + shards - 1) / shards;
}

std::int64_t share_elements(const ReduceShares& op, const Program& program) {
  return shard_elements(program, op.main_grads, program.mesh.ranks(program.mesh.sharing(View::dense)));
}

std::vector<Bucket> buckets(const Program& program) {
  std::vector<Bucket> list;
  std::map<ValueId, ValueId> main_grad_of;
  for (ValueId grad : states(program, StateKind::main_grad)) main_grad_of[program[grad].weight] = grad;
  for (const Node& node : program.forward) {
    if (const auto* op = std::get_if<GatherShards>(&node.op)) list.push_back(gathered(program, *op, main_grad_of));
  }
  if (!list.empty()) return list;
  for (const Node& node : program.backward) {
    if (const auto* op = std::get_if<ReduceGrads>(&node.op)) list.push_back(reduced(program, *op));
  }
  return list;
}

}  // namespace perfbench
