#include "cost/kernel_work.h"

#include "cost/memory_time.h"
#include "program/operands.h"

namespace perfbench {
namespace {

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
  return op.attended > 0.0 ? 1.0 : program.mesh.size[Axis::cp];
}

// m, n and k of a product; `k` is summed over.
GemmShape gemm_shape(const auto& op, const Program& program) {
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
  double operator()(const AddMatmul& op) const { return all(op); }
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
  double operator()(const AdapterBackward& op) const { return all(op); }
  double operator()(const SwiGlu& op) const { return all(op); }
  double operator()(const SwiGluBackward& op) const { return all(op); }
  double operator()(const Quantize& op) const { return all(op) + value(op.x.id); }  // one more pass for the amax
  double operator()(const CrossEntropy& op) const { return all(op); }
  double operator()(const CrossEntropyBackward& op) const { return all(op); }

 private:
  double value(ValueId id) const { return static_cast<double>(program.type(id).bytes()); }
  double all(const Op& op) const { return operand_bytes(op, program); }
};

}  // namespace

KernelWork kernel_work(const Op& op, const Program& program) {
  if (const auto* o = std::get_if<Matmul>(&op)) return gemm_shape(*o, program);
  if (const auto* o = std::get_if<AddMatmul>(&op)) return gemm_shape(*o, program);
  if (const auto* o = std::get_if<WeightGrad>(&op)) return weight_grad_shape(o->dy, o->x, o->transposed, program);
  if (const auto* o = std::get_if<WeightGradAccumulate>(&op))
    return weight_grad_shape(o->dy, o->x, o->transposed, program);
  if (const auto* o = std::get_if<Attention>(&op))
    return AttentionWork{.shape = attention_shape(*o), .blocks = ring_blocks(*o, program)};
  if (const auto* o = std::get_if<AttentionBackward>(&op))
    return AttentionWork{.shape = attention_shape(*o), .blocks = ring_blocks(*o, program), .backward = true};
  if (const auto* o = std::get_if<Quantize>(&op)) {
    return QuantizeWork{.elements = static_cast<double>(program.type(o->x.id).shape.elements()),
                        .layouts = o->q.id != kNoValue && o->q_t.id != kNoValue ? 2 : 1};
  }
  return MemoryWork{.bytes = op_bytes(op, program)};
}

double kernel_time_s(const KernelWork& work, const KernelConstants& constants, const Hardware& hardware,
                     const StackConstants& stack) {
  struct Seconds {
    const KernelConstants& constants;
    const Hardware& hardware;
    const StackConstants& stack;

    double operator()(const GemmShape& shape) const {
      const double rate = size_bytes(shape.dtype) == 1 ? stack.gemm_fp8 : stack.gemm_bf16;
      return gemm_time_s(constants, hardware, shape) / rate;
    }
    double operator()(const AttentionWork& work) const {
      const double seconds = work.backward ? attention_backward_time_s(constants, hardware, work.shape)
                                           : attention_forward_time_s(constants, hardware, work.shape);
      return work.blocks * seconds / stack.attention;
    }
    double operator()(const QuantizeWork& work) const {
      return quantize_time_s(constants, hardware, work.elements, work.layouts);
    }
    double operator()(const MemoryWork& work) const { return memory_time_s(constants, hardware, work.bytes); }
  };
  return std::visit(Seconds{constants, hardware, stack}, work);
}

double op_bytes(const Op& op, const Program& program) { return std::visit(Bytes{program}, op); }

double op_flops(const Op& op, const Program& program) {
  const auto flops = [](const GemmShape& shape) { return 2.0 * shape.m * shape.n * shape.k; };
  if (const auto* o = std::get_if<Matmul>(&op)) return flops(gemm_shape(*o, program));
  if (const auto* o = std::get_if<AddMatmul>(&op)) return flops(gemm_shape(*o, program));
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
  if (const auto* o = std::get_if<AdapterBackward>(&op)) return 2.0 * adapter(o->dout.id, o->columns, o->b.id);
  return 0.0;
}

}  // namespace perfbench
