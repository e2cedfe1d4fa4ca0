#include "program/traffic.h"

#include "program/buckets.h"
#include "program/lane_steps.h"

namespace perfbench {
namespace {

struct Collectives {
  const Program& program;

  RankTraffic operator()(const AllGather& op) const { return over(op.axis, bytes(op.out.id)); }
  RankTraffic operator()(const ReduceScatter& op) const { return over(op.axis, bytes(op.x.id)); }
  RankTraffic operator()(const AllReduce& op) const { return over(op.axis, bytes(op.x.id)); }
  RankTraffic operator()(const GatherParams& op) const { return over(Axis::dp, padded_bytes(op.weights)); }
  RankTraffic operator()(const ReduceGrads& op) const { return over(Axis::dp, padded_bytes(op.main_grads)); }
  RankTraffic operator()(const GatherShards& op) const { return over(Axis::dp, padded_bytes(as_states(op.shards))); }
  RankTraffic operator()(const ScatterGrads& op) const { return over(Axis::dp, padded_bytes(op.main_grads)); }
  RankTraffic operator()(const ReducePartialGrads& op) const {
    RankTraffic total;
    for (InOut grad : op.main_grads) total += over(op.axis, bytes(grad.id));
    return total;
  }
  RankTraffic operator()(const ReduceSharedGrads& op) const {
    RankTraffic total;
    for (InOut grad : op.main_grads) {
      const std::int64_t share = shard_elements(program, {grad}, op.shards);
      total.shared += {.calls = 1, .bytes = share * size_bytes(program.type(grad.id).dtype)};
    }
    return total;
  }
  // Hidden ones.
  RankTraffic operator()(
      const OfClass<OpClass::product, OpClass::attention, OpClass::bytes, OpClass::state> auto& op) const {
    RankTraffic total;
    for (const LaneStep& step : lane_steps(op, program)) {
      if (step.kind == LaneStep::Kind::kernel) continue;
      for (int i = 0; i < step.count; ++i) total += over(step.axis, step.bytes);
    }
    return total;
  }

 private:
  std::int64_t bytes(ValueId id) const { return program.type(id).bytes(); }
  std::int64_t padded_bytes(const InOutList& bucket) const {
    const std::int64_t shards = replicas(program);
    return shard_elements(program, bucket, shards) * shards * size_bytes(program.type(bucket.front().id).dtype);
  }
  // The group of dp is dp x cp.
  RankTraffic over(Axis axis, std::int64_t size) const {
    RankTraffic total;
    if ((axis == Axis::dp ? replicas(program) : program.axis_size[axis]) > 1)
      total.axis[axis] = {.calls = 1, .bytes = size};
    return total;
  }
};

}  // namespace

RankTraffic& RankTraffic::operator+=(const RankTraffic& other) {
  for (Axis a : kAxes) axis[a] += other.axis[a];
  pipeline += other.pipeline;
  shared += other.shared;
  return *this;
}

RankTraffic traffic(const Op& op, const Program& program) { return std::visit(Collectives{program}, op); }

}  // namespace perfbench
