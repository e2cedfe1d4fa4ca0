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

GemmShape weight_grad_shape(const auto& op, const Program& program) {
  const ValueType &left = program.type(op.dy.id), &right = program.type(op.x.id);
  const int tokens = op.transposed ? 1 : 0;
  return {.m = static_cast<double>(left.shape[1 - tokens]),
          .n = static_cast<double>(right.shape[1 - tokens]),
          .k = static_cast<double>(left.shape[tokens]),
          .dtype = left.dtype};
}

// Each expert's own product; `e` experts share the rows evenly.
GemmShape grouped_shape(const GroupedMatmul& op, const Program& program) {
  const ValueType &a = program.type(op.a.id), &out = program.type(op.out.id);
  const auto experts = static_cast<double>(program.type(op.b.id).shape[0]);
  return {.m = static_cast<double>(out.shape[0]) / experts,
          .n = static_cast<double>(out.shape[1]),
          .k = static_cast<double>(a.shape[1]),
          .dtype = a.dtype,
          .batch = experts};
}

GemmShape grouped_weight_grad_shape(const auto& op, std::int64_t experts, const Program& program) {
  GemmShape shape = weight_grad_shape(op, program);
  shape.batch = static_cast<double>(experts);
  shape.k /= shape.batch;
  return shape;
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
  // Eager: a cast of the logits (2 + 4 bytes an element), the log-softmax (4 + 4); in the backward the loss's gradient
  // (4), that of the log-softmax (4 + 4 + 4) and the cast back (4 + 2).
  double operator()(const CrossEntropy& op) const { return op.eager ? 14.0 * elements(op.logits.id) : all(op); }
  double operator()(const CrossEntropyBackward& op) const { return op.eager ? 22.0 * elements(op.logits.id) : all(op); }
  double operator()(const GradNorm& op) const {
    return bytes_of(op.main_grads, program) / static_cast<double>(op.shards);
  }
  // States are read and written, gradients read, weights written.
  double operator()(const AdamW& op) const {
    const double states = 2.0 * static_cast<double>(op.state_bytes) * elements_of(op.main_grads, program);
    return (states + bytes_of(op.main_grads, program) + bytes_of(op.weights, program)) / static_cast<double>(op.shards);
  }
  double operator()(const OfClass<OpClass::collective> auto&) const { return 0.0; }
  // Kernels that touch each operand once.
  double operator()(const OfClass<OpClass::product, OpClass::attention, OpClass::bytes> auto& op) const {
    return all(op);
  }
  double operator()(const Quantize& op) const { return all(op) + value(op.x.id); }  // one more pass for the amax

 private:
  double value(ValueId id) const { return static_cast<double>(program.type(id).bytes()); }
  double elements(ValueId id) const { return static_cast<double>(program.type(id).shape.elements()); }
  double all(const Op& op) const { return operand_bytes(op, program); }
};

// What the kernel's time is modelled by.
struct Work {
  const Program& program;

  KernelWork operator()(const Matmul& op) const { return gemm_shape(op, program); }
  KernelWork operator()(const AddMatmul& op) const { return gemm_shape(op, program); }
  KernelWork operator()(const WeightGrad& op) const { return weight_grad_shape(op, program); }
  KernelWork operator()(const WeightGradAccumulate& op) const { return weight_grad_shape(op, program); }
  KernelWork operator()(const GroupedMatmul& op) const { return grouped_shape(op, program); }
  KernelWork operator()(const GroupedWeightGrad& op) const {
    return grouped_weight_grad_shape(op, op.experts, program);
  }
  KernelWork operator()(const GroupedWeightGradAccumulate& op) const {
    return grouped_weight_grad_shape(op, program.type(op.main_grad.id).shape[0], program);
  }
  // A few FLOPs for each byte.
  KernelWork operator()(const AdapterUp& op) const { return memory(op); }
  KernelWork operator()(const AdapterUpBackward& op) const { return memory(op); }
  KernelWork operator()(const AdapterWeightGrad& op) const { return memory(op); }
  KernelWork operator()(const AdapterBackward& op) const { return memory(op); }
  KernelWork operator()(const Attention& op) const {
    return AttentionWork{.shape = attention_shape(op), .blocks = ring_blocks(op, program)};
  }
  KernelWork operator()(const AttentionBackward& op) const {
    return AttentionWork{.shape = attention_shape(op), .blocks = ring_blocks(op, program), .backward = true};
  }
  KernelWork operator()(const Quantize& op) const {
    return QuantizeWork{.elements = static_cast<double>(program.type(op.x.id).shape.elements()),
                        .layouts = op.q.id != kNoValue && op.q_t.id != kNoValue ? 2 : 1};
  }
  KernelWork operator()(const OfClass<OpClass::bytes, OpClass::collective, OpClass::state> auto& op) const {
    return memory(op);
  }

 private:
  KernelWork memory(const Op& op) const { return MemoryWork{.bytes = op_bytes(op, program)}; }
};

struct Flops {
  const Program& program;

  double operator()(const Matmul& op) const { return of(gemm_shape(op, program)); }
  double operator()(const AddMatmul& op) const { return of(gemm_shape(op, program)); }
  double operator()(const WeightGrad& op) const { return of(weight_grad_shape(op, program)); }
  double operator()(const WeightGradAccumulate& op) const { return of(weight_grad_shape(op, program)); }
  double operator()(const GroupedMatmul& op) const { return of(grouped_shape(op, program)); }
  double operator()(const GroupedWeightGrad& op) const {
    return of(grouped_weight_grad_shape(op, op.experts, program));
  }
  double operator()(const GroupedWeightGradAccumulate& op) const {
    return of(grouped_weight_grad_shape(op, program.type(op.main_grad.id).shape[0], program));
  }
  double operator()(const AdapterUp& op) const { return adapter(op.out.id, op.columns, op.b.id); }
  double operator()(const AdapterUpBackward& op) const { return adapter(op.dout.id, op.columns, op.b.id); }
  double operator()(const AdapterWeightGrad& op) const { return adapter(op.dout.id, op.columns, op.db.id); }
  double operator()(const AdapterBackward& op) const { return 2.0 * adapter(op.dout.id, op.columns, op.b.id); }
  double operator()(const Attention& op) const {
    return ring_blocks(op, program) * attention_forward_flops(attention_shape(op));
  }
  double operator()(const AttentionBackward& op) const {
    return 2.0 * ring_blocks(op, program) * attention_forward_flops(attention_shape(op));
  }
  double operator()(const OfClass<OpClass::bytes, OpClass::collective, OpClass::state> auto&) const { return 0.0; }

 private:
  static double of(const GemmShape& shape) { return 2.0 * shape.m * shape.n * shape.k * shape.batch; }
  double adapter(ValueId rows, const AdapterColumns& columns, ValueId by_rank) const {
    return adapter_flops(program.type(rows), columns, program.type(by_rank).shape[1]);
  }
};

}  // namespace

KernelWork kernel_work(const Op& op, const Program& program) { return std::visit(Work{program}, op); }

double kernel_time_s(const KernelWork& work, const KernelConstants& constants, const Hardware& hardware,
                     const StackConstants& stack) {
  struct Seconds {
    const KernelConstants& constants;
    const Hardware& hardware;
    const StackConstants& stack;

    double operator()(const GemmShape& shape) const {
      const double rate = size_bytes(shape.dtype) == 1 ? stack.gemm_fp8 : stack.gemm_bf16;
      if (shape.batch == 1.0) return gemm_time_s(constants, hardware, shape) / rate;
      // Experts' products are launched one by one.
      GemmShape one = shape;
      one.batch = 1.0;
      return shape.batch * gemm_time_s(constants, hardware, one) / (rate * stack.gemm_grouped);
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

double op_flops(const Op& op, const Program& program) { return std::visit(Flops{program}, op); }

}  // namespace perfbench
