#include "cost/dispatch_time.h"

#include "cost/dispatch_reach.h"

namespace perfbench {
namespace {

double bytes_of(In value, const Program& program) {
  return value.id == kNoValue ? 0.0 : static_cast<double>(program.type(value.id).bytes());
}

double gathered_s(const AllToAll& op, double token_bytes, const GroupShape& group, const CostModel& cost) {
  using Kind = CollectiveShape::Kind;
  const CollectiveShape shape{
      .kind = op.back ? Kind::reduce_scatter : Kind::all_gather, .bytes = token_bytes * group.ranks, .group = group};
  return collective_time_s(cost.kernels, cost.hardware, shape);
}

}  // namespace

DispatchVolume dispatch_volume(const AllToAll& op, double bytes, const GroupShape& group) {
  const double near = static_cast<double>(group.ranks_per_domain) / group.ranks;  // of the ranks, those in the domain
  if (op.dispatcher != Dispatcher::dedup) return {.nvlink_bytes = near * bytes, .network_bytes = (1.0 - near) * bytes};
  const double token_bytes = bytes / static_cast<double>(op.top_k);
  const Reach there = reach({.gate = op.gate, .experts = op.experts, .top_k = op.top_k, .group = group});
  return {.nvlink_bytes = there.ranks * token_bytes, .network_bytes = there.domains * (1.0 - near) * token_bytes};
}

double dispatch_time_s(const AllToAll& op, const Program& program, const CostModel& cost) {
  const GroupShape& group = cost.groups[Group::ep];
  if (!cost.has_data_sheet || group.ranks == 1) return 0.0;
  const double bytes =
      (bytes_of(op.x, program) + bytes_of(op.weights, program)) * (op.counts.id == kNoValue ? 1.0 : cost.fullest_rank);
  if (op.dispatcher == Dispatcher::all_gather) {
    return cost.ep_share * gathered_s(op, bytes / static_cast<double>(op.top_k), group, cost);
  }
  const DispatchVolume volume = dispatch_volume(op, bytes, group);
  const AllToAllTime time =
      all_to_all_time_s(cost.kernels, cost.hardware, group, volume.nvlink_bytes, volume.network_bytes);
  const bool dedup = op.dispatcher == Dispatcher::dedup;
  const double nvlink = dedup ? cost.stack.ep_dedup : cost.stack.ep_all_to_all;
  return cost.ep_share * (nvlink * time.nvlink_s + cost.stack.ep_network * time.network_s);
}

}  // namespace perfbench
