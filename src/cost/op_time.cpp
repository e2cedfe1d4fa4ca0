#include "cost/op_time.h"

#include <algorithm>

#include "cost/attention_time.h"
#include "cost/gemm_time.h"
#include "cost/memory_time.h"
#include "cost/topology.h"
#include "program/buckets.h"
#include "program/lane_steps.h"
#include "program/operands.h"

namespace perfbench {
namespace {

struct KernelTime {
  double seconds = 0.0;
  Part part = Part::memory_bound;
};

// Of one block: this rank's tokens among themselves.
AttentionShape attention_shape(const auto& op) {
  return {.batch = static_cast<double>(op.batch),
          .seq = static_cast<double>(op.seq),
          .heads = static_cast<double>(op.heads.heads),
          .kv_heads = static_cast<double>(op.heads.kv_heads),
          .head_dim = static_cast<double>(op.heads.head_dim),
          .causal = op.causal,
          .attended = op.attended};
}

// Blocks that a rank works through over the ring. Zigzag chunks make each as much work as the rank's own tokens among
// themselves: under a causal mask half of (S / cp)^2, cp times, which is the rank's share of half of S^2. Packed
// sub-sequences see each token's own neighbours only, however they lie.
double ring_blocks(const auto& op, const Program& program) {
  return op.attended > 0.0 ? 1.0 : program.axis_size[Axis::cp];
}

// m, n and k of a product; `k` is summed over.
GemmShape gemm_shape(const Matmul& op, const Program& program) {
  const ValueType& a = program.type(op.a.id);
  const ValueType& out = program.type(op.out.id);
  return {.m = static_cast<double>(out.shape[0]),
          .n = static_cast<double>(out.shape[1]),
          .k = static_cast<double>(a.shape[1]),
          .dtype = a.dtype};
}

GemmShape weight_grad_shape(In dy, In x, bool transposed, const Program& program) {
  const ValueType &left = program.type(dy.id), &right = program.type(x.id);
  const int tokens = transposed ? 1 : 0;
  return {.m = static_cast<double>(left.shape[1 - tokens]),
          .n = static_cast<double>(right.shape[1 - tokens]),
          .k = static_cast<double>(left.shape[tokens]),
          .dtype = left.dtype};
}

// All adapters of one linear: the columns of its output that have one, of T tokens, by the rank.
double adapter_flops(const ValueType& rows, const AdapterColumns& columns, std::int64_t rank) {
  double adapted = 0.0;
  for (const AdapterBlock& block : columns) adapted += block.adapted ? static_cast<double>(block.columns) : 0.0;
  return 2.0 * static_cast<double>(rows.shape[0]) * adapted * static_cast<double>(rank);
}

double bytes_of(const InOutList& states, const Program& program) {
  double bytes = 0.0;
  for (InOut state : states) bytes += static_cast<double>(program.type(state.id).bytes());
  return bytes;
}

double elements_of(const InOutList& states, const Program& program) {
  double elements = 0.0;
  for (InOut state : states) elements += static_cast<double>(program.type(state.id).shape.elements());
  return elements;
}

// Bytes of every operand that is read or written, states that are updated counted twice.
double operand_bytes(const Op& op, const Program& program) {
  double bytes = 0.0;
  for (const Operand& operand : collect(op)) {
    bytes += static_cast<double>(program.type(operand.id).bytes()) * (operand.use == Use::inout ? 2.0 : 1.0);
  }
  return bytes;
}

struct Bytes {
  const Program& program;

  double operator()(const Embedding& op) const { return 2.0 * value(op.out.id) + value(op.tokens.id); }
  double operator()(const EmbeddingBackward& op) const { return value(op.dout.id) + 2.0 * value(op.dw.id); }
  double operator()(const CastWeight& op) const {
    double bytes = value(op.weight.id);
    if (op.q.id != kNoValue) bytes += value(op.weight.id) + value(op.q.id);  // one more pass for the amax
    if (op.q_t.id != kNoValue) bytes += value(op.q_t.id);
    return bytes;
  }
  double operator()(const GradNorm& op) const {
    return bytes_of(op.main_grads, program) / static_cast<double>(op.shards);
  }
  // States are read and written, gradients read, weights written.
  double operator()(const AdamW& op) const {
    const double states = 2.0 * static_cast<double>(op.state_bytes) * elements_of(op.main_grads, program);
    return (states + bytes_of(op.main_grads, program) + bytes_of(op.weights, program)) / static_cast<double>(op.shards);
  }
  double operator()(const GatherShards&) const { return 0.0; }
  double operator()(const ScatterGrads&) const { return 0.0; }
  double operator()(const AllGather&) const { return 0.0; }
  double operator()(const ReduceScatter&) const { return 0.0; }
  double operator()(const AllReduce&) const { return 0.0; }
  double operator()(const GatherParams&) const { return 0.0; }
  double operator()(const ReduceGrads&) const { return 0.0; }
  double operator()(const ReducePartialGrads&) const { return 0.0; }
  double operator()(const ReduceSharedGrads&) const { return 0.0; }
  // Kernels that touch each operand once.
  double operator()(const RmsNorm& op) const { return all(op); }
  double operator()(const RmsNormBackward& op) const { return all(op); }
  double operator()(const Matmul& op) const { return all(op); }
  double operator()(const WeightGrad& op) const { return all(op); }
  double operator()(const WeightGradAccumulate& op) const { return all(op); }
  double operator()(const AddBias& op) const { return all(op); }
  double operator()(const BiasGrad& op) const { return all(op); }
  double operator()(const Accumulate& op) const { return all(op); }
  double operator()(const Add& op) const { return all(op); }
  double operator()(const Transpose& op) const { return all(op); }
  double operator()(const Rope& op) const { return all(op); }
  double operator()(const Attention& op) const { return all(op); }
  double operator()(const AttentionBackward& op) const { return all(op); }
  double operator()(const LayerNorm& op) const { return all(op); }
  double operator()(const LayerNormBackward& op) const { return all(op); }
  double operator()(const QkNorm& op) const { return all(op); }
  double operator()(const QkNormBackward& op) const { return all(op); }
  double operator()(const Activate& op) const { return all(op); }
  double operator()(const ActivateBackward& op) const { return all(op); }
  double operator()(const AdapterUp& op) const { return all(op); }
  double operator()(const AdapterUpBackward& op) const { return all(op); }
  double operator()(const AdapterWeightGrad& op) const { return all(op); }
  double operator()(const SwiGlu& op) const { return all(op); }
  double operator()(const SwiGluBackward& op) const { return all(op); }
  double operator()(const Quantize& op) const { return all(op) + value(op.x.id); }  // one more pass for the amax
  double operator()(const CrossEntropy& op) const { return all(op); }
  double operator()(const CrossEntropyBackward& op) const { return all(op); }

 private:
  double value(ValueId id) const { return static_cast<double>(program.type(id).bytes()); }
  double all(const Op& op) const { return operand_bytes(op, program); }
};

// The kernel of an op that computes. Ops not named here take as long as their bytes: an adapter's second product, too,
// which does a few FLOPs for each byte.
KernelTime kernel_time(const Op& op, const Program& program, const CostModel& cost) {
  const auto gemm = [&](const GemmShape& shape) -> KernelTime {
    const double rate = size_bytes(shape.dtype) == 1 ? cost.stack.gemm_fp8 : cost.stack.gemm_bf16;
    return {gemm_time_s(cost.kernels, cost.hardware, shape) / rate, Part::matmul};
  };
  if (const auto* o = std::get_if<Matmul>(&op)) return gemm(gemm_shape(*o, program));
  if (const auto* o = std::get_if<WeightGrad>(&op)) return gemm(weight_grad_shape(o->dy, o->x, o->transposed, program));
  if (const auto* o = std::get_if<WeightGradAccumulate>(&op)) {
    return gemm(weight_grad_shape(o->dy, o->x, o->transposed, program));
  }
  if (const auto* o = std::get_if<Attention>(&op)) {
    const double seconds = attention_forward_time_s(cost.kernels, cost.hardware, attention_shape(*o));
    return {ring_blocks(*o, program) * seconds / cost.stack.attention, Part::attention};
  }
  if (const auto* o = std::get_if<AttentionBackward>(&op)) {
    const double seconds = attention_backward_time_s(cost.kernels, cost.hardware, attention_shape(*o));
    return {ring_blocks(*o, program) * seconds / cost.stack.attention, Part::attention};
  }
  if (const auto* o = std::get_if<Quantize>(&op)) {
    const auto elements = static_cast<double>(program.type(o->x.id).shape.elements());
    const int outputs = o->q.id != kNoValue && o->q_t.id != kNoValue ? 2 : 1;
    return {quantize_time_s(cost.kernels, cost.hardware, elements, outputs), Part::memory_bound};
  }
  const bool updates = std::holds_alternative<GradNorm>(op) || std::holds_alternative<AdamW>(op);
  return {memory_time_s(cost.kernels, cost.hardware, op_bytes(op, program)),
          updates ? Part::optimizer : Part::memory_bound};
}

// Neighbours on the ring; the slowest pair sets the pace. What attention hides of it is not charged.
double ring_time_s(const LaneStep& step, const CostModel& cost) {
  const GroupShape& group = cost.groups[step.axis];
  const GroupShape pair{.ranks = 2, .ranks_per_domain = group.ranks_per_domain == group.ranks ? 2 : 1};
  const double once =
      collective_time_s(cost.kernels, cost.hardware,
                        {.kind = CollectiveShape::Kind::send, .bytes = static_cast<double>(step.bytes), .group = pair});
  return cost.stack.cp_exposed * step.count * once;
}

std::vector<TimedStep> compute_steps(const Op& op, const Program& program, const CostModel& cost) {
  const KernelTime kernel = kernel_time(op, program, cost);
  std::vector<TimedStep> steps = {{Lane::compute, cost.op_gap_s, Part::launch}};
  for (const LaneStep& step : lane_steps(op, program)) {
    if (step.kind == LaneStep::Kind::kernel) {
      steps.push_back({Lane::compute, step.share * kernel.seconds, kernel.part});
      continue;
    }
    if (step.kind == LaneStep::Kind::ring) {
      steps.push_back({lane_of(step.axis), ring_time_s(step, cost), Part::cp_exposed});
      continue;
    }
    const CollectiveShape shape{.kind = CollectiveShape::Kind::all_reduce,
                                .bytes = static_cast<double>(step.bytes),
                                .group = cost.groups[step.axis]};
    steps.push_back({lane_of(step.axis), collective_time_s(cost.kernels, cost.hardware, shape), Part::tp_exposed});
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
  std::vector<TimedStep> operator()(const ReducePartialGrads& op) const {
    return {{lane_of(op.axis), time(Kind::all_reduce, bytes_of(op.main_grads, program), op.axis), Part::tp_exposed}};
  }
  // Between the first stage and the last; the nearest that the model of the network has is a pair of neighbours.
  std::vector<TimedStep> operator()(const ReduceSharedGrads& op) const {
    const double bytes = bytes_of(op.main_grads, program) / static_cast<double>(op.shards);
    return {{Lane::dp,
             collective_time_s(cost.kernels, cost.hardware,
                               {.kind = Kind::all_reduce, .bytes = bytes, .group = cost.neighbours}),
             Part::dp_exposed}};
  }
  std::vector<TimedStep> operator()(const GatherParams& op) const {
    return over_dp(time(Kind::all_gather, bytes_of(op.weights, program), Axis::dp), cost.overlap_param_gather);
  }
  std::vector<TimedStep> operator()(const ReduceGrads& op) const {
    const Kind kind = op.scatter ? Kind::reduce_scatter : Kind::all_reduce;
    return over_dp(time(kind, bytes_of(op.main_grads, program), Axis::dp), cost.overlap_grad_reduce);
  }
  std::vector<TimedStep> operator()(const GatherShards& op) const {
    const double bytes = bytes_of(as_states(op.shards), program);
    return over_dp(time(Kind::all_gather, bytes, Axis::dp), cost.overlap_param_gather);
  }
  std::vector<TimedStep> operator()(const ScatterGrads& op) const {
    return over_dp(time(Kind::reduce_scatter, bytes_of(op.main_grads, program), Axis::dp), cost.overlap_grad_reduce);
  }
  template <class Compute>
  std::vector<TimedStep> operator()(const Compute& op) const requires requires {
    Bytes{program}(op);
  }
  { return compute_steps(op, program, cost); }

 private:
  double time(Kind kind, double bytes, Axis axis) const {
    return collective_time_s(cost.kernels, cost.hardware, {.kind = kind, .bytes = bytes, .group = cost.groups[axis]});
  }
  std::vector<TimedStep> activation(Kind kind, ValueId whole, Axis axis) const {
    const double seconds = time(kind, static_cast<double>(program.type(whole).bytes()), axis);
    return {{lane_of(axis), axis == Axis::tp ? seconds * cost.tp_share : seconds, Part::tp_exposed}};
  }
  // Traffic beside compute slows it down: that share is charged to the compute lane before the transfer runs. Where the
  // stack does not overlap, compute waits for the transfer.
  std::vector<TimedStep> over_dp(double seconds, bool overlapped) const {
    if (!overlapped) return {{Lane::dp, seconds, Part::dp_exposed}, {Lane::compute, 0.0, Part::dp_exposed}};
    return {{Lane::compute, seconds * cost.stack.dp_exposed, Part::dp_exposed}, {Lane::dp, seconds, Part::dp_exposed}};
  }
};

}  // namespace

CostModel cost_model(const Job& job, KernelConstants kernels) {
  const Hardware hardware = hardware_of(job.system);
  const Stack& stack = job.stack;
  const auto& exceptions = stack.tp_overlap_exceptions;
  const bool overlapped =
      stack.tp_overlap && std::find(exceptions.begin(), exceptions.end(), job.model.family) == exceptions.end();
  CostModel cost{.kernels = std::move(kernels),
                 .hardware = hardware,
                 .stack = stack.constants,
                 .groups = {},
                 .neighbours = neighbours_of(job.layout, hardware),
                 .op_gap_s = stack.constants.op_gap_s * (job.cuda_graphs ? stack.constants.graphs_gap_factor : 1.0),
                 .overlap_param_gather = stack.overlap_param_gather,
                 .overlap_grad_reduce = stack.overlap_grad_reduce,
                 .tp_share = overlapped ? stack.constants.tp_exposed_overlapped : stack.constants.tp_exposed};
  for (Axis axis : kAxes) cost.groups[axis] = group_of(axis, job.layout, hardware);
  return cost;
}

std::vector<TimedStep> op_time(const Op& op, const Program& program, const CostModel& cost) {
  return std::visit(Collectives{program, cost}, op);
}

double op_bytes(const Op& op, const Program& program) { return std::visit(Bytes{program}, op); }

double op_flops(const Op& op, const Program& program) {
  const auto flops = [](const GemmShape& shape) { return 2.0 * shape.m * shape.n * shape.k; };
  if (const auto* o = std::get_if<Matmul>(&op)) return flops(gemm_shape(*o, program));
  if (const auto* o = std::get_if<WeightGrad>(&op))
    return flops(weight_grad_shape(o->dy, o->x, o->transposed, program));
  if (const auto* o = std::get_if<WeightGradAccumulate>(&op)) {
    return flops(weight_grad_shape(o->dy, o->x, o->transposed, program));
  }
  if (const auto* o = std::get_if<Attention>(&op)) {
    return ring_blocks(*o, program) * attention_forward_flops(attention_shape(*o));
  }
  if (const auto* o = std::get_if<AttentionBackward>(&op)) {
    return 2.0 * ring_blocks(*o, program) * attention_forward_flops(attention_shape(*o));
  }
  const auto adapter = [&](ValueId rows, const AdapterColumns& columns, ValueId by_rank) {
    return adapter_flops(program.type(rows), columns, program.type(by_rank).shape[1]);
  };
  if (const auto* o = std::get_if<AdapterUp>(&op)) return adapter(o->out.id, o->columns, o->b.id);
  if (const auto* o = std::get_if<AdapterUpBackward>(&op)) return adapter(o->dout.id, o->columns, o->b.id);
  if (const auto* o = std::get_if<AdapterWeightGrad>(&op)) return adapter(o->dout.id, o->columns, o->db.id);
  return 0.0;
}

double send_time_s(double bytes, const CostModel& cost) {
  return collective_time_s(cost.kernels, cost.hardware,
                           {.kind = CollectiveShape::Kind::send, .bytes = bytes, .group = cost.neighbours});
}

}  // namespace perfbench
