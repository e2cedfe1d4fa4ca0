#include <ATen/ops/_scaled_mm.h>
#include <ATen/ops/add.h>
#include <ATen/ops/addmm.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/sum.h>

#include "engine/torch/ops.h"
#include "engine/torch/scaled_sum.h"
#include "engine/torch/weight_grad.h"

namespace perfbench {
namespace {

// a b^T of FP8 operands, both contiguous along the summed dim, in `dtype`. Where the device has no FP8 units, the
// product is that of the same numbers in float32: LibTorch's _scaled_mm computes the same on a CPU, in a reference loop
// that takes thousands of times as long.
at::Tensor scaled_mm(const at::Tensor& a, const at::Tensor& b, const at::Tensor& scale_a, const at::Tensor& scale_b,
                     const std::optional<at::Tensor>& bias, at::ScalarType dtype) {
  if (a.is_cpu()) {
    at::Tensor product = at::mm(a.to(at::kFloat), b.to(at::kFloat).t()).mul_(at::mul(scale_a, scale_b));
    if (bias) product.add_(*bias);
    return product.to(dtype);
  }
  // Sums of products with gradients keep float32 all along; those of the forward may be shorter inside the tensor core,
  // as Transformer Engine has it (Float8CurrentScaling: split accumulator off in the forward alone).
  const bool forward = a.scalar_type() == at::kFloat8_e4m3fn && b.scalar_type() == at::kFloat8_e4m3fn;
  return at::_scaled_mm(a, b.t(), scale_a, scale_b, bias, std::nullopt, dtype, forward);
}

// The operands of a weight gradient in FP8, both contiguous along the tokens.
struct Transposed {
  at::Tensor dy, x;  // (N, M), (K, M)
};

Transposed transposed(const auto& op, const Frame& frame) {
  if (op.transposed) return {frame[op.dy], frame[op.x]};
  return {frame[op.dy].t().contiguous(), frame[op.x].t().contiguous()};
}

}  // namespace

void run(const Matmul& op, Frame& frame) {
  const at::Tensor &a = frame[op.a], &b = frame[op.b];
  std::optional<at::Tensor> bias;
  if (Frame::has(op.bias)) bias = frame[op.bias];
  if (Frame::has(op.scale_a)) {
    const at::Tensor b_t = op.transpose_b ? b : b.t().contiguous();  // (N, K)
    frame.put(op.out, scaled_mm(a, b_t, frame[op.scale_a], frame[op.scale_b], bias, at::kBFloat16));
    return;
  }
  const at::Tensor right = op.transpose_b ? b.t() : b;  // (K, N)
  frame.put(op.out, bias ? at::addmm(*bias, a, right) : at::mm(a, right));
}

void run(const AddMatmul& op, Frame& frame) {
  const at::Tensor& b = frame[op.b];
  at::Tensor out = frame.own_or_copy(op.c);
  frame.put(op.out, out.addmm_(frame[op.a], op.transpose_b ? b.t() : b));
}

void run(const WeightGrad& op, Frame& frame) {
  if (Frame::has(op.scale_dy)) {
    const auto [dy_t, x_t] = transposed(op, frame);
    frame.put(op.dw, scaled_mm(dy_t, x_t, frame[op.scale_dy], frame[op.scale_x], std::nullopt, at::kBFloat16));
    return;
  }
  frame.put(op.dw, at::mm(frame[op.dy].t(), frame[op.x]));
}

void add_weight_grad(const at::Tensor& sum, const at::Tensor& dy, const at::Tensor& x) {
  if (dy.scalar_type() == sum.scalar_type()) {
    sum.addmm_(dy.t(), x);
  } else if (dy.is_cpu()) {
    sum.addmm_(dy.to(at::kFloat).t(), x.to(at::kFloat));
  } else {  // one product with a wide sum, which a CPU lacks
    at::Tensor out = sum;
    at::addmm_out(out, out, dy.t(), x, at::kFloat);
  }
}

void run(const WeightGradAccumulate& op, Frame& frame) {
  const at::Tensor& main_grad = frame[op.main_grad];
  if (Frame::has(op.scale_dy)) {
    const auto [dy_t, x_t] = transposed(op, frame);
    const at::Tensor &scale_dy = frame[op.scale_dy], &scale_x = frame[op.scale_x];
    if (add_scaled_product(main_grad, dy_t, x_t, scale_dy, scale_x)) return;
    if (main_grad.is_cuda())
      frame.rank.remark(
          "FP8 weight gradients are added after their product: cuBLASLt has no kernel that adds inside it");
    main_grad.add_(scaled_mm(dy_t, x_t, scale_dy, scale_x, std::nullopt, main_grad.scalar_type()));
    return;
  }
  add_weight_grad(main_grad, frame[op.dy], frame[op.x]);
}

void run(const AddBias& op, Frame& frame) { frame.put(op.out, at::add(frame[op.x], frame[op.bias])); }
void run(const BiasGrad& op, Frame& frame) { frame.put(op.dw, at::sum(frame[op.dy], 0)); }
void run(const Accumulate& op, Frame& frame) { at::Tensor(frame[op.main_grad]).add_(frame[op.dw]); }
void run(const Add& op, Frame& frame) { frame.put(op.out, at::add(frame[op.a], frame[op.b])); }
void run(const Transpose& op, Frame& frame) { frame.put(op.out, frame[op.x].t().contiguous()); }

}  // namespace perfbench
