#include <algorithm>
#include <array>
#include <map>

#include "program/copied_rows.h"
#include "program/operands.h"
#include "program/passes.h"

namespace perfbench {
namespace {

// Main gradients that leave together, in the order of their last writers.
struct Departure {
  InOutList main_grads{};
  std::int64_t elements = 0;
  std::size_t last_writer = 0;  // index of a backward node
};

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

// Buckets of one view and of at least `bucket_elements`; 0 puts all into one. A weight that another stage holds, too,
// has a bucket of its own, so that both stages cut it into the same shares.
std::vector<Departure> departures(const Program& program, std::int64_t bucket_elements) {
  std::vector<Departure> list;
  std::map<View, std::size_t> open;  // the bucket that takes the next of its view
  for (const auto& [node, id] : by_last_writer(program)) {
    const bool shared = program[id].shared;
    auto it = open.find(program[id].view);
    if (it != open.end() && (shared || (bucket_elements > 0 && list[it->second].elements >= bucket_elements))) {
      open.erase(it);
      it = open.end();
    }
    if (it == open.end()) {
      it = open.emplace(program[id].view, list.size()).first;
      list.emplace_back();
    }
    Departure& bucket = list[it->second];
    bucket.main_grads.push_back({id});
    bucket.elements += program.type(id).shape.elements();
    bucket.last_writer = node;
    if (shared) open.erase(it);
  }
  return list;
}

InOutList partial_over(Axis axis, const Program& program, const InOutList& grads) {
  InOutList partial;
  for (InOut grad : grads) {
    if (program.type(grad.id).placement[axis].is_partial()) partial.push_back(grad);
  }
  return partial;
}

InOutList weights_of(const Program& program, const InOutList& grads) {
  InOutList weights;
  for (InOut grad : grads) weights.push_back({program[grad.id].weight});
  return weights;
}

}  // namespace

std::vector<Node> reductions_of(const Program& program, const InOutList& main_grads, bool scatter, int layer) {
  std::vector<Node> nodes;
  for (InOut grad : main_grads) {
    for (const RowRange& range : copied_rows(program, program[grad.id].weight)) {
      nodes.push_back({.op = ReduceCopiedRows{.main_grad = grad, .first_row = range.first, .rows = range.rows},
                       .when = When::last_microbatch,
                       .layer = layer});
    }
  }
  for (Axis axis : kUncopiedAxes) {
    InOutList partial = partial_over(axis, program, main_grads);
    if (partial.empty()) continue;
    nodes.push_back({.op = ReducePartialGrads{.main_grads = std::move(partial), .axis = axis},
                     .when = When::last_microbatch,
                     .layer = layer});
  }
  const Group group = program.mesh.sharing(program[main_grads.front().id].view);
  if (program.mesh.ranks(group) > 1) {
    nodes.push_back({.op = ReduceGrads{.main_grads = main_grads, .scatter = scatter, .group = group},
                     .when = When::last_microbatch,
                     .layer = layer});
  }
  if (program.mesh.replicas > 1) nodes.push_back(reduction_of_shares(main_grads, layer));
  return nodes;
}

Node reduction_of_shares(const InOutList& main_grads, int layer) {
  return {.op = ReduceShares{.main_grads = main_grads}, .when = When::last_microbatch, .layer = layer};
}

void add_data_parallel(Program& program, const Policy& policy) {
  const std::vector<Departure> buckets = departures(program, policy.bucket_elements);
  std::vector<std::vector<Node>> after(program.backward.size());  // what leaves after each node
  for (const Departure& bucket : buckets) {
    const int layer = program.backward[bucket.last_writer].layer;
    for (Node& node : reductions_of(program, bucket.main_grads, policy.distributed_optimizer, layer)) {
      after[bucket.last_writer].push_back(std::move(node));
    }
  }
  std::vector<Node> backward;
  for (std::size_t i = 0; i < program.backward.size(); ++i) {
    backward.push_back(std::move(program.backward[i]));
    for (Node& node : after[i]) backward.push_back(std::move(node));
  }
  program.backward = std::move(backward);

  if (!policy.distributed_optimizer) return;
  std::vector<Node> forward;  // the buckets of the gradients, backwards: first the weights that are needed first
  for (auto bucket = buckets.rbegin(); bucket != buckets.rend(); ++bucket) {
    const Group group = copies_of(program[bucket->main_grads.front().id].view);
    if (program.mesh.ranks(group) == 1) continue;
    const GatherParams gather{.weights = weights_of(program, bucket->main_grads), .group = group};
    forward.push_back({.op = gather, .when = When::first_microbatch});
  }
  forward.insert(forward.end(), program.forward.begin(), program.forward.end());
  program.forward = std::move(forward);
}

void add_optimizer(Program& program, const Policy& policy) {
  const auto shards = [&](View view) -> std::int64_t {
    return policy.distributed_optimizer ? program.mesh.ranks(program.mesh.sharing(view)) : 1;
  };
  std::array<InOutList, kViews.size()> grads_of;
  InOutList shared;
  for (ValueId grad : states(program, StateKind::main_grad)) {
    grads_of[static_cast<std::size_t>(program[grad].view)].push_back({grad});
    if (program[grad].shared) shared.push_back({grad});
  }
  if (!shared.empty()) {
    program.optimizer.push_back({.op = ReduceSharedGrads{.main_grads = shared, .shards = shards(View::dense)}});
  }
  for (View view : kViews) {
    const InOutList& grads = grads_of[static_cast<std::size_t>(view)];
    if (!grads.empty()) program.optimizer.push_back({.op = GradNorm{.main_grads = grads, .shards = shards(view)}});
  }
  for (View view : kViews) {
    const InOutList& grads = grads_of[static_cast<std::size_t>(view)];
    if (grads.empty()) continue;
    program.optimizer.push_back({.op = AdamW{.weights = weights_of(program, grads),
                                             .main_grads = grads,
                                             .shards = shards(view),
                                             .state_bytes = policy.optimizer_bytes}});
  }
}

}  // namespace perfbench
