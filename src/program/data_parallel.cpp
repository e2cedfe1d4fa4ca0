#include <algorithm>
#include <map>

#include "program/operands.h"
#include "program/passes.h"

namespace perfbench {
namespace {

using Bucket = InOutList;

// States dealt to buckets of at least `bucket_elements` in the given order; 0 puts all into one.
std::vector<Bucket> buckets_of(const Program& program, const std::vector<ValueId>& ids, std::int64_t bucket_elements) {
  std::vector<Bucket> buckets;
  std::int64_t filled = 0;
  for (ValueId id : ids) {
    if (buckets.empty() || (bucket_elements > 0 && filled >= bucket_elements)) {
      buckets.emplace_back();
      filled = 0;
    }
    buckets.back().push_back({id});
    filled += program.type(id).shape.elements();
  }
  return buckets;
}

// Main gradients in the order of their last writer, with the node index of that writer.
std::vector<std::pair<std::size_t, ValueId>> by_last_writer(const Program& program) {
  std::map<ValueId, std::size_t> last;
  for (std::size_t i = 0; i < program.backward.size(); ++i) {
    for (const Operand& operand : collect(program.backward[i].op)) {
      if (operand.use == Use::inout) last[operand.id] = i;
    }
  }
  std::vector<std::pair<std::size_t, ValueId>> order;
  order.reserve(last.size());
  for (const auto& [id, node] : last) order.emplace_back(node, id);
  std::sort(order.begin(), order.end());
  return order;
}

InOutList partial_over_tp(const Program& program, const Bucket& bucket) {
  InOutList partial;
  for (InOut grad : bucket) {
    if (program.type(grad.id).placement[Axis::tp].is_partial()) partial.push_back(grad);
  }
  return partial;
}

}  // namespace

void add_data_parallel(Program& program, const Policy& policy) {
  const bool over_dp = program.axis_size[Axis::dp] > 1;
  const auto order = by_last_writer(program);
  std::vector<ValueId> ids;
  ids.reserve(order.size());
  for (const auto& [last, id] : order) ids.push_back(id);

  std::vector<std::vector<Node>> after(program.backward.size());  // what leaves after each node
  std::size_t next = 0;
  for (const Bucket& bucket : buckets_of(program, ids, policy.bucket_elements)) {
    next += bucket.size();
    std::vector<Node>& nodes = after[order[next - 1].first];
    const int layer = program.backward[order[next - 1].first].layer;
    if (InOutList partial = partial_over_tp(program, bucket); !partial.empty()) {
      nodes.push_back(
          {.op = ReducePartialGrads{.main_grads = std::move(partial)}, .when = When::last_microbatch, .layer = layer});
    }
    if (over_dp) {
      nodes.push_back({.op = ReduceGrads{.main_grads = bucket, .scatter = policy.distributed_optimizer},
                       .when = When::last_microbatch,
                       .layer = layer});
    }
  }
  std::vector<Node> backward;
  for (std::size_t i = 0; i < program.backward.size(); ++i) {
    backward.push_back(std::move(program.backward[i]));
    for (Node& node : after[i]) backward.push_back(std::move(node));
  }
  program.backward = std::move(backward);

  if (!over_dp || !policy.distributed_optimizer) return;
  std::vector<Node> forward;
  for (const Bucket& bucket : buckets_of(program, states(program, StateKind::weight), policy.bucket_elements)) {
    forward.push_back({.op = GatherParams{.weights = bucket}, .when = When::first_microbatch});
  }
  forward.insert(forward.end(), program.forward.begin(), program.forward.end());
  program.forward = std::move(forward);
}

void add_optimizer(Program& program, const Policy& policy) {
  InOutList weights, grads;
  for (ValueId grad : states(program, StateKind::main_grad)) {
    grads.push_back({grad});
    weights.push_back({program[grad].weight});
  }
  if (grads.empty()) return;
  const std::int64_t shards = policy.distributed_optimizer ? program.axis_size[Axis::dp] : 1;
  program.optimizer.push_back({.op = GradNorm{.main_grads = grads, .shards = shards}});
  program.optimizer.push_back(
      {.op = AdamW{.weights = weights, .main_grads = grads, .shards = shards, .state_bytes = policy.optimizer_bytes}});
}

}  // namespace perfbench
