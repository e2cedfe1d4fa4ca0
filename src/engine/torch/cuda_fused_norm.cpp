#include <ATen/ops/empty.h>

#include <algorithm>

#include "engine/torch/cuda_fused.h"
#include "engine/torch/fused.h"

namespace perfbench {
namespace {

// What both norms have in common; the operands of a LayerNorm come on top.
NormCall norm_call(const auto& op, const Frame& frame, const at::Tensor& x, const at::Tensor& residual,
                   const at::Tensor& sum, const at::Tensor& y, const at::Tensor& rstd) {
  NormCall call;
  call.dtype = kernel_dtype(x);
  call.rows = x.size(0);
  call.width = x.size(1);
  call.x = address(x);
  call.residual = address(residual);
  call.weight = address(frame[op.weight]);
  call.sum = address(sum);
  call.y = address(y);
  call.rstd = address<float>(rstd);
  call.eps = static_cast<float>(op.eps);
  return call;
}

at::Tensor floats(const Frame& frame, Out out, const at::Tensor& x) {
  return Frame::has(out) ? frame.make(out) : at::empty({x.size(0)}, x.options().dtype(at::kFloat));
}

// Scratch for the sums over rows of one or two values a column.
at::Tensor partial_sums(NormBackwardCall& call, const at::Tensor& x) {
  if (call.dw == nullptr && call.db == nullptr) return {};
  call.partial_rows = std::min(blocks_of(x.device()), call.rows);
  const at::Tensor scratch =
      at::empty({(call.centered ? 2 : 1) * call.partial_rows * call.width}, x.options().dtype(at::kFloat));
  call.partials = address<float>(scratch);
  return scratch;
}

NormBackwardCall backward_call(const auto& op, const Frame& frame, const at::Tensor& dsum, const at::Tensor& dx,
                               const at::Tensor& dw) {
  const at::Tensor& sum = frame[op.sum];
  NormBackwardCall call;
  call.dtype = kernel_dtype(sum);
  call.rows = sum.size(0);
  call.width = sum.size(1);
  call.dy = address(frame[op.dy]);
  call.dsum = address(dsum);
  call.sum = address(sum);
  call.weight = address(frame[op.weight]);
  call.rstd = address<const float>(frame[op.rstd]);
  call.dx = address(dx);
  call.dw = address(dw);
  return call;
}

}  // namespace

bool fused(const RmsNorm& op, Frame& frame) {
  const at::Tensor &x = frame[op.x], residual = operand(frame, op.residual);
  if (!kernels_take(x, residual, frame[op.weight])) return false;
  const at::Tensor sum = residual.defined() ? output(frame, op.sum, x) : at::Tensor();
  const at::Tensor y = output(frame, op.y, x), rstd = floats(frame, op.rstd, x);
  launch_on(x.device(), perfbench_norm, norm_call(op, frame, x, residual, sum, y, rstd));
  if (residual.defined()) frame.put(op.sum, sum);
  frame.put(op.y, y);
  frame.put(op.rstd, rstd);
  return true;
}

bool fused(const LayerNorm& op, Frame& frame) {
  const at::Tensor &x = frame[op.x], residual = operand(frame, op.residual);
  if (!kernels_take(x, residual, frame[op.weight], frame[op.bias])) return false;
  const at::Tensor sum = residual.defined() ? output(frame, op.sum, x) : at::Tensor();
  const at::Tensor y = output(frame, op.y, x), mean = floats(frame, op.mean, x), rstd = floats(frame, op.rstd, x);
  NormCall call = norm_call(op, frame, x, residual, sum, y, rstd);
  call.centered = true;
  call.bias = address(frame[op.bias]);
  call.mean = address<float>(mean);
  call.weight_offset = static_cast<float>(op.weight_offset);
  launch_on(x.device(), perfbench_norm, call);
  if (residual.defined()) frame.put(op.sum, sum);
  frame.put(op.y, y);
  frame.put(op.mean, mean);
  frame.put(op.rstd, rstd);
  return true;
}

bool fused(const RmsNormBackward& op, Frame& frame) {
  const at::Tensor &sum = frame[op.sum], dsum = operand(frame, op.dsum);
  if (!kernels_take(sum, frame[op.dy], dsum, frame[op.weight])) return false;
  const at::Tensor dx = output(frame, op.dx, sum), dw = Frame::has(op.dw) ? frame.make(op.dw) : at::Tensor();
  if (!kernels_take(sum, dw)) return false;
  NormBackwardCall call = backward_call(op, frame, dsum, dx, dw);
  const at::Tensor scratch = partial_sums(call, sum);
  launch_on(sum.device(), perfbench_norm_backward, call);
  frame.put(op.dx, dx);
  frame.put(op.dw, dw);
  return true;
}

bool fused(const LayerNormBackward& op, Frame& frame) {
  const at::Tensor &sum = frame[op.sum], dsum = operand(frame, op.dsum);
  if (!kernels_take(sum, frame[op.dy], dsum, frame[op.weight])) return false;
  const at::Tensor dx = output(frame, op.dx, sum), dw = Frame::has(op.dw) ? frame.make(op.dw) : at::Tensor();
  const at::Tensor db = Frame::has(op.db) ? frame.make(op.db) : at::Tensor();
  if (!kernels_take(sum, dw, db)) return false;
  NormBackwardCall call = backward_call(op, frame, dsum, dx, dw);
  call.centered = true;
  call.mean = address<const float>(frame[op.mean]);
  call.db = address(db);
  call.weight_offset = static_cast<float>(op.weight_offset);
  const at::Tensor scratch = partial_sums(call, sum);
  launch_on(sum.device(), perfbench_norm_backward, call);
  frame.put(op.dx, dx);
  frame.put(op.dw, dw);
  frame.put(op.db, db);
  return true;
}

bool fused(const QkNorm& op, Frame& frame) {
  const at::Tensor& qkv = frame[op.qkv];
  if (!Frame::has(op.rstd) || !kernels_take(qkv, frame[op.q_weight], frame[op.k_weight])) return false;
  const Heads& heads = op.heads;
  const at::Tensor out = output(frame, op.out, qkv), rstd = frame.make(op.rstd);
  launch_on(qkv.device(), perfbench_qk_norm,
            QkNormCall{.dtype = kernel_dtype(qkv),
                       .tokens = qkv.size(0),
                       .heads = static_cast<int>(heads.heads),
                       .kv_heads = static_cast<int>(heads.kv_heads),
                       .head_dim = static_cast<int>(heads.head_dim),
                       .qkv = address(qkv),
                       .q_weight = address(frame[op.q_weight]),
                       .k_weight = address(frame[op.k_weight]),
                       .out = address(out),
                       .rstd = address<float>(rstd),
                       .eps = static_cast<float>(op.eps)});
  frame.put(op.out, out);
  frame.put(op.rstd, rstd);
  return true;
}

bool fused(const QkNormBackward& op, Frame& frame) {
  const at::Tensor& qkv = frame[op.qkv];
  const Heads& heads = op.heads;
  if (heads.head_dim > kMostQkNormDim) return false;
  if (!kernels_take(qkv, frame[op.dout], frame[op.q_weight], frame[op.k_weight])) return false;
  const at::Tensor dqkv = output(frame, op.dqkv, qkv);
  const bool weights = Frame::has(op.dq_weight) && Frame::has(op.dk_weight);
  if (!weights && (Frame::has(op.dq_weight) || Frame::has(op.dk_weight))) return false;
  at::Tensor dq_weight, dk_weight, partials;
  const std::int64_t partial_rows = blocks_of(qkv.device());
  if (weights) {
    dq_weight = frame.make(op.dq_weight);
    dk_weight = frame.make(op.dk_weight);
    partials = empty(2 * partial_rows * heads.head_dim, DType::f32, qkv.device());
  }
  launch_on(qkv.device(), perfbench_qk_norm_backward,
            QkNormBackwardCall{.dtype = kernel_dtype(qkv),
                               .tokens = qkv.size(0),
                               .heads = static_cast<int>(heads.heads),
                               .kv_heads = static_cast<int>(heads.kv_heads),
                               .head_dim = static_cast<int>(heads.head_dim),
                               .dout = address(frame[op.dout]),
                               .qkv = address(qkv),
                               .q_weight = address(frame[op.q_weight]),
                               .k_weight = address(frame[op.k_weight]),
                               .rstd = address<const float>(frame[op.rstd]),
                               .dqkv = address(dqkv),
                               .dq_weight = address(dq_weight),
                               .dk_weight = address(dk_weight),
                               .partials = address<float>(partials),
                               .partial_rows = partial_rows});
  frame.put(op.dqkv, dqkv);
  if (!weights) return true;
  frame.put(op.dq_weight, dq_weight);
  frame.put(op.dk_weight, dk_weight);
  return true;
}

}  // namespace perfbench
