#include "cost/op_time.h"

#include <algorithm>

#include "cost/dispatch_time.h"
#include "cost/gate_imbalance.h"
#include "cost/memory_time.h"
#include "cost/topology.h"
#include "program/buckets.h"
#include "program/copied_rows.h"
#include "program/lane_steps.h"
#include "program/operands.h"
#include "program/signature.h"

namespace perfbench {
namespace {

struct KernelTime {
  double seconds = 0.0;
  Part part = Part::memory_bound;
  bool measured = false;
};

double bytes_of(const InOutList& states, const Program& program) {
  double bytes = 0.0;
  for (InOut state : states) bytes += static_cast<double>(program.type(state.id).bytes());
  return bytes;
}

struct PartOf {
  Part operator()(const GemmShape&) const { return Part::matmul; }
  Part operator()(const AttentionWork&) const { return Part::attention; }
  Part operator()(const QuantizeWork&) const { return Part::memory_bound; }
  Part operator()(const MemoryWork&) const { return Part::memory_bound; }
};

Part part_of(const Op& op, const KernelWork& work) {
  return class_of(op) == OpClass::state ? Part::optimizer : std::visit(PartOf{}, work);
}

// Ops on rows of experts, of which each rank has as many as the gate sends it: the fullest one sets the pace.
double pace(const Op& op, const Program& program, const CostModel& cost) {
  if (cost.fullest_rank == 1.0) return 1.0;
  for (const Operand& operand : collect(op)) {
    if (program.type(operand.id).uneven()) return cost.fullest_rank;
  }
  return 1.0;
}

KernelTime kernel_time(const Op& op, const Program& program, const CostModel& cost) {
  const KernelWork work = kernel_work(op, program);
  const Part part = part_of(op, work);
  if (cost.measured) {
    if (const MeasuredKernel* kernel = cost.measured->find(signature(op, program)))
      return {.seconds = kernel->seconds, .part = part, .measured = true};
  }
  if (!cost.has_data_sheet) return {.seconds = 0.0, .part = part};
  const double seconds = kernel_time_s(work, cost.kernels, cost.hardware, cost.stack);
  return {.seconds = pace(op, program, cost) * seconds, .part = part};
}

TimedStep waited_for(Group group, double seconds) { return {lane_of(group), seconds, part_of(group)}; }

double transfer_time_s(const CollectiveShape& shape, const CostModel& cost) {
  return cost.has_data_sheet ? collective_time_s(cost.kernels, cost.hardware, shape) : 0.0;
}

// Neighbours on the ring; the slowest pair sets the pace. What attention hides of it is not charged.
double ring_time_s(const LaneStep& step, const CostModel& cost) {
  const GroupShape& group = cost.groups[step.group];
  const GroupShape pair{.ranks = 2, .ranks_per_domain = group.ranks_per_domain == group.ranks ? 2 : 1};
  const double once = transfer_time_s(
      {.kind = CollectiveShape::Kind::send, .bytes = static_cast<double>(step.bytes), .group = pair}, cost);
  return cost.stack.cp_exposed * step.count * once;
}

// A measured kernel's time holds the gap before it.
std::vector<TimedStep> compute_steps(const Op& op, const Program& program, const CostModel& cost) {
  const KernelTime kernel = kernel_time(op, program, cost);
  std::vector<TimedStep> steps;
  if (!kernel.measured) steps.push_back({Lane::compute, cost.op_gap_s, Part::launch});
  for (const LaneStep& step : lane_steps(op, program)) {
    if (step.kind == LaneStep::Kind::kernel) {
      steps.push_back({Lane::compute, step.share * kernel.seconds, kernel.part, kernel.measured});
      continue;
    }
    if (step.kind == LaneStep::Kind::ring) {
      steps.push_back(waited_for(step.group, ring_time_s(step, cost)));
      continue;
    }
    const CollectiveShape shape{.kind = CollectiveShape::Kind::all_reduce,
                                .bytes = static_cast<double>(step.bytes),
                                .group = cost.groups[step.group]};
    steps.push_back(waited_for(step.group, transfer_time_s(shape, cost)));
  }
  return steps;
}

struct Collectives {
  const Program& program;
  const CostModel& cost;
  using Kind = CollectiveShape::Kind;

  std::vector<TimedStep> operator()(const AllGather& op) const {
    return activation(Kind::all_gather, op.out.id, op.axis);
  }
  std::vector<TimedStep> operator()(const ReduceScatter& op) const {
    return activation(Kind::reduce_scatter, op.x.id, op.axis);
  }
  std::vector<TimedStep> operator()(const AllReduce& op) const {
    return activation(Kind::all_reduce, op.x.id, op.axis);
  }
  // All ranks of ep x etp tell each other.
  std::vector<TimedStep> operator()(const ShareCounts& op) const {
    const auto all = static_cast<double>(program.type(op.all.id).bytes());
    const double over_ep = time(Kind::all_gather, all / program.mesh.ranks(Group::etp), Group::ep);
    return {waited_for(Group::ep, over_ep + time(Kind::all_gather, all, Group::etp))};
  }
  // Rows are padded behind the dispatch and unpadded before they go back.
  std::vector<TimedStep> operator()(const AllToAll& op) const {
    std::vector<TimedStep> steps = padding(op);
    const TimedStep transfer = waited_for(Group::ep, dispatch_time_s(op, program, cost));
    steps.insert(op.back ? steps.end() : steps.begin(), transfer);
    return steps;
  }
  std::vector<TimedStep> operator()(const ReducePartialGrads& op) const {
    const Group group = group_of(op.axis);
    return {waited_for(group, time(Kind::all_reduce, bytes_of(op.main_grads, program), group))};
  }
  std::vector<TimedStep> operator()(const ReduceCopiedRows& op) const {
    const auto bytes = static_cast<double>(summed_bytes(op, program));
    return {waited_for(Group::kv_copies, time(Kind::all_reduce, bytes, Group::kv_copies))};
  }
  std::vector<TimedStep> operator()(const ReduceSharedGrads& op) const {
    const double bytes = bytes_of(op.main_grads, program) / static_cast<double>(op.shards);
    return {waited_for(Group::ends, time(Kind::all_reduce, bytes, Group::ends))};
  }
  std::vector<TimedStep> operator()(const GatherParams& op) const {
    return over_copies(Kind::all_gather, bytes_of(op.weights, program), op.group, cost.overlap_param_gather);
  }
  std::vector<TimedStep> operator()(const ReduceGrads& op) const {
    const Kind kind = op.scatter ? Kind::reduce_scatter : Kind::all_reduce;
    return over_copies(kind, bytes_of(op.main_grads, program), op.group, cost.overlap_grad_reduce);
  }
  std::vector<TimedStep> operator()(const GatherShards& op) const {
    const double bytes = bytes_as(op.dtype, as_states(op.shards));
    return over_copies(Kind::all_gather, bytes, op.group, cost.overlap_param_gather);
  }
  std::vector<TimedStep> operator()(const ScatterGrads& op) const {
    const double bytes = bytes_as(op.dtype, op.main_grads);
    return over_copies(Kind::reduce_scatter, bytes, op.group, cost.overlap_grad_reduce);
  }
  std::vector<TimedStep> operator()(const ReduceShares& op) const {
    const auto bytes =
        static_cast<double>(share_elements(op, program) * size_bytes(program.type(op.main_grads.front().id).dtype));
    return over_copies(Kind::all_reduce, bytes, op.group, cost.overlap_grad_reduce);
  }
  std::vector<TimedStep> operator()(
      const OfClass<OpClass::product, OpClass::attention, OpClass::bytes, OpClass::state> auto& op) const {
    return compute_steps(op, program, cost);
  }

 private:
  double bytes_as(DType dtype, const InOutList& states) const {
    double bytes = 0.0;
    for (InOut state : states) {
      bytes += static_cast<double>(program.type(state.id).shape.elements() * size_bytes(dtype));
    }
    return bytes;
  }
  double time(Kind kind, double bytes, Group group) const {
    return transfer_time_s({.kind = kind, .bytes = bytes, .group = cost.groups[group]}, cost);
  }
  std::vector<TimedStep> activation(Kind kind, ValueId whole, Axis axis) const {
    const ValueType& type = program.type(whole);
    const double rows = type.uneven() ? cost.fullest_rank : 1.0;
    const double seconds = time(kind, rows * static_cast<double>(type.bytes()), group_of(axis));
    return {waited_for(group_of(axis), axis == Axis::tp ? seconds * cost.tp_share : seconds)};
  }
  // FP8 products take rows of an expert in multiples of 16 or 32: all are copied, BF16, once each way.
  std::vector<TimedStep> padding(const AllToAll& op) const {
    if (!cost.pads_rows || op.counts.id == kNoValue || !cost.has_data_sheet) return {};
    const double rows_bytes =
        cost.fullest_rank * program.mesh.ranks(Group::etp) * static_cast<double>(program.type(op.x.id).bytes());
    return {{Lane::compute, cost.op_gap_s, Part::launch},
            {Lane::compute, memory_time_s(cost.kernels, cost.hardware, 2.0 * rows_bytes), Part::memory_bound}};
  }
  // Traffic beside compute takes SMs and memory from it, by what is moved and not by how long a network takes: a share
  // of the time that it would take within an NVLink domain is charged to the compute lane before the transfer runs.
  // Where the stack does not overlap, compute waits for the transfer.
  std::vector<TimedStep> over_copies(Kind kind, double bytes, Group group, bool overlapped) const {
    const TimedStep transfer = waited_for(group, time(kind, bytes, group));
    if (!overlapped) return {transfer, {Lane::compute, 0.0, transfer.part}};
    const GroupShape& shape = cost.groups[group];
    const GroupShape inside{.ranks = shape.ranks, .ranks_per_domain = shape.ranks};
    const double busy = transfer_time_s({.kind = kind, .bytes = bytes, .group = inside}, cost);
    return {{Lane::compute, std::min(busy, transfer.seconds) * cost.stack.dp_exposed, transfer.part}, transfer};
  }
};

}  // namespace

CostModel cost_model(const Job& job, KernelConstants kernels) {
  const Hardware hardware = hardware_of(job.system);
  const Stack& stack = job.stack;
  const auto& exceptions = stack.tp_overlap_exceptions;
  const bool overlapped =
      stack.tp_overlap && std::find(exceptions.begin(), exceptions.end(), job.model.family) == exceptions.end();
  const bool whole_layer_graphs = job.cuda_graphs && job.graph_modules.empty();
  CostModel cost{.kernels = std::move(kernels),
                 .hardware = hardware,
                 .has_data_sheet = job.system.has_data_sheet(),
                 .stack = constants_on(stack, job.system),
                 .groups = {},
                 .neighbours = {},
                 .op_gap_s = stack.constants.op_gap_s * (whole_layer_graphs ? stack.constants.graphs_gap_factor : 1.0),
                 .overlap_param_gather = stack.overlap_param_gather,
                 .overlap_grad_reduce = stack.overlap_grad_reduce,
                 .tp_share = overlapped ? stack.constants.tp_exposed_overlapped : stack.constants.tp_exposed,
                 .ep_share = job.ep_overlap ? stack.constants.ep_exposed_overlapped : 1.0,
                 .fullest_rank = fullest_rank(job),
                 .pads_rows = is_scaled(job.precision),
                 .host = host_times(job)};
  if (!cost.has_data_sheet) return cost;  // transfers take no time
  const Mesh mesh = mesh_of(job);
  cost.neighbours = neighbours_of(mesh, hardware);
  for (Group group : kGroups) cost.groups[group] = group_shape(group, mesh, hardware);
  return cost;
}

std::vector<TimedStep> op_time(const Op& op, const Program& program, const CostModel& cost) {
  return std::visit(Collectives{program, cost}, op);
}

double send_time_s(double bytes, const CostModel& cost) {
  return transfer_time_s({.kind = CollectiveShape::Kind::send, .bytes = bytes, .group = cost.neighbours}, cost);
}

}  // namespace perfbench
