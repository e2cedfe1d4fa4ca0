#include "program/traffic.h"

#include "program/buckets.h"
#include "program/copied_rows.h"
#include "program/lane_steps.h"

namespace perfbench {
namespace {

struct Collectives {
  const Program& program;

  RankTraffic operator()(const AllGather& op) const { return over(group_of(op.axis), bytes(op.out.id)); }
  RankTraffic operator()(const ReduceScatter& op) const { return over(group_of(op.axis), bytes(op.x.id)); }
  RankTraffic operator()(const AllReduce& op) const { return over(group_of(op.axis), bytes(op.x.id)); }
  // Of every rank of ep, then of what these have together by those of etp.
  RankTraffic operator()(const ShareCounts& op) const {
    const std::int64_t all = bytes(op.all.id);
    RankTraffic total = over(Group::ep, all / program.mesh.ranks(Group::etp));
    return total += over(Group::etp, all);
  }
  RankTraffic operator()(const AllToAll& op) const {
    RankTraffic total = over(Group::ep, bytes(op.x.id));
    if (op.weights.id != kNoValue) total += over(Group::ep, bytes(op.weights.id));
    return total;
  }
  RankTraffic operator()(const GatherParams& op) const {
    return over(op.group, padded_bytes(op.weights, op.group, dtype(op.weights)));
  }
  RankTraffic operator()(const ReduceGrads& op) const {
    return over(op.group, padded_bytes(op.main_grads, op.group, dtype(op.main_grads)));
  }
  RankTraffic operator()(const GatherShards& op) const {
    return over(op.group, padded_bytes(as_states(op.shards), op.group, op.dtype));
  }
  RankTraffic operator()(const ScatterGrads& op) const {
    return over(op.group, padded_bytes(op.main_grads, op.group, op.dtype));
  }
  RankTraffic operator()(const ReduceShares& op) const {
    return over(op.group, share_elements(op, program) * size_bytes(dtype(op.main_grads)));
  }
  RankTraffic operator()(const ReducePartialGrads& op) const {
    RankTraffic total;
    for (InOut grad : op.main_grads) total += over(group_of(op.axis), bytes(grad.id));
    return total;
  }
  RankTraffic operator()(const ReduceCopiedRows& op) const { return over(Group::kv_copies, summed_bytes(op, program)); }
  RankTraffic operator()(const ReduceSharedGrads& op) const {
    RankTraffic total;
    for (InOut grad : op.main_grads) {
      const std::int64_t share = shard_elements(program, {grad}, op.shards);
      total += over(Group::ends, share * size_bytes(program.type(grad.id).dtype));
    }
    return total;
  }
  // Hidden ones.
  RankTraffic operator()(
      const OfClass<OpClass::product, OpClass::attention, OpClass::bytes, OpClass::state> auto& op) const {
    RankTraffic total;
    for (const LaneStep& step : lane_steps(op, program)) {
      if (step.kind == LaneStep::Kind::kernel) continue;
      for (int i = 0; i < step.count; ++i) total += over(step.group, step.bytes);
    }
    return total;
  }

 private:
  std::int64_t bytes(ValueId id) const { return program.type(id).bytes(); }
  DType dtype(const InOutList& bucket) const { return program.type(bucket.front().id).dtype; }
  std::int64_t padded_bytes(const InOutList& bucket, Group group, DType dtype) const {
    const std::int64_t shards = program.mesh.ranks(group);
    return shard_elements(program, bucket, shards) * shards * size_bytes(dtype);
  }
  RankTraffic over(Group group, std::int64_t size) const {
    RankTraffic total;
    if (program.mesh.ranks(group) > 1) total.group[group] = {.calls = 1, .bytes = size};
    return total;
  }
};

}  // namespace

RankTraffic& RankTraffic::operator+=(const RankTraffic& other) {
  for (Group g : kGroups) group[g] += other.group[g];
  pipeline += other.pipeline;
  return *this;
}

RankTraffic traffic(const Op& op, const Program& program) { return std::visit(Collectives{program}, op); }

}  // namespace perfbench
