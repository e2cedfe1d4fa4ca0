#include "program/buckets.h"

namespace perfbench {

std::int64_t shard_elements(const Program& program, const InOutList& states, std::int64_t shards) {
  std::int64_t elements = 0;
  for (InOut state : states) elements += program.type(state.id).shape.elements();
  return (elements + shards - 1) / shards;
}

std::vector<Bucket> buckets(const Program& program) {
  std::vector<Bucket> list;
  for (const Node& node : program.backward) {
    const auto* reduce = std::get_if<ReduceGrads>(&node.op);
    if (reduce == nullptr) continue;
    list.push_back({.main_grads = reduce->main_grads,
                    .elements = shard_elements(program, reduce->main_grads, 1),
                    .shard = shard_elements(program, reduce->main_grads, replicas(program))});
  }
  return list;
}

}  // namespace perfbench
