// Current scaling: the largest magnitude of the tensor at hand becomes the largest number of the format.
#include <ATen/TensorOperators.h>
#include <ATen/ops/abs.h>
#include <ATen/ops/amax.h>
#include <ATen/ops/clamp.h>
#include <ATen/ops/ones_like.h>
#include <ATen/ops/where.h>

#include "engine/torch/fused.h"
#include "engine/torch/ops.h"

namespace perfbench {
namespace {

// Largest finite numbers of the formats (Micikevicius et al. 2022, "FP8 Formats for Deep Learning", table 1).
double largest(DType dtype) { return dtype == DType::f8e5m2 ? 57344.0 : 448.0; }

at::Tensor amax_of(const at::Tensor& x) { return at::amax(at::abs(x)).to(at::kFloat).reshape({1}); }

// What the numbers in FP8 are to be multiplied with; 1 for a tensor of zeros.
at::Tensor scale_of(const at::Tensor& amax, DType dtype) {
  const at::Tensor scale = amax / largest(dtype);
  return at::where(amax > 0.0, scale, at::ones_like(scale));
}

at::Tensor cast(const at::Tensor& x, const at::Tensor& scale, DType dtype) {
  return at::clamp(x.to(at::kFloat) / scale, -largest(dtype), largest(dtype)).to(scalar_type(dtype));
}

}  // namespace

void run(const Quantize& op, Frame& frame) {
  if (fused(op, frame)) return;
  const at::Tensor& x = frame[op.x];
  at::Tensor amax = amax_of(x);
  Communicator& tp = frame.rank.over(Axis::tp);
  if (op.amax_over_tp && tp.size() > 1) tp.all_reduce(amax.data_ptr(), 1, DType::f32, Reduction::max);
  const at::Tensor scale = scale_of(amax, op.dtype);
  const at::Tensor q = cast(x, scale, op.dtype);
  if (Frame::has(op.q_t)) frame.put(op.q_t, q.t().contiguous());
  frame.put(op.q, q);
  frame.put(op.scale, scale);
}

void run(const CastWeight& op, Frame& frame) {
  if (fused(op, frame)) return;
  const at::Tensor& weight = frame[op.weight];
  const at::Tensor scale = scale_of(amax_of(weight), DType::f8e4m3);
  const at::Tensor q = cast(weight, scale, DType::f8e4m3);
  if (Frame::has(op.q)) at::Tensor(frame[op.q]).copy_(q);
  if (Frame::has(op.q_t)) at::Tensor(frame[op.q_t]).copy_(q.t());
  if (Frame::has(op.scale)) at::Tensor(frame[op.scale]).copy_(scale);
}

}  // namespace perfbench
