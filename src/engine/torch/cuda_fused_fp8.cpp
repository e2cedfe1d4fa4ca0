
#include <algorithm>

#include "engine/torch/cuda_fused.h"
#include "engine/torch/fused.h"

namespace perfbench {
namespace {

constexpr std::int64_t kElementsOfBlock = 16384;  // at least, before another block is started for the amax

// (1) float32 on the device.
at::Tensor amax_of(const at::Tensor& x) {
  const std::int64_t blocks = std::clamp<std::int64_t>(x.numel() / kElementsOfBlock, 1, 4 * blocks_of(x.device()));
  const at::Tensor partials = empty(blocks, DType::f32, x.device()), amax = empty(1, DType::f32, x.device());
  launch_on(x.device(), perfbench_amax,
            AmaxCall{.dtype = kernel_dtype(x),
                     .elements = x.numel(),
                     .x = address(x),
                     .partials = address<float>(partials),
                     .blocks = blocks,
                     .amax = address<float>(amax)});
  return amax;
}

}  // namespace

bool fused(const Quantize& op, Frame& frame) {
  const at::Tensor& x = frame[op.x];
  if (!kernels_take(x)) return false;
  const at::Tensor amax = amax_of(x);
  Communicator& tp = frame.rank.over(Axis::tp);
  if (op.amax_over_tp && tp.size() > 1) tp.all_reduce(amax.data_ptr(), 1, DType::f32, Reduction::max);
  const at::Tensor q = Frame::has(op.q) ? frame.make(op.q) : at::Tensor();
  const at::Tensor q_t = Frame::has(op.q_t) ? frame.make(op.q_t) : at::Tensor();
  const at::Tensor scale = Frame::has(op.scale) ? frame.make(op.scale) : at::Tensor();
  launch_on(x.device(), perfbench_fp8_cast,
            Fp8CastCall{.dtype = kernel_dtype(x),
                        .format = op.dtype,
                        .rows = x.size(0),
                        .columns = x.size(1),
                        .x = address(x),
                        .amax = address<const float>(amax),
                        .q = address(q),
                        .q_t = address(q_t),
                        .scale = address<float>(scale)});
  frame.put(op.q, q);
  frame.put(op.q_t, q_t);
  frame.put(op.scale, scale);
  return true;
}

bool fused(const CastWeight& op, Frame& frame) {
  const at::Tensor& weight = frame[op.weight];
  if (!kernels_take(weight)) return false;
  const at::Tensor amax = amax_of(weight);
  launch_on(weight.device(), perfbench_fp8_cast,
            Fp8CastCall{.dtype = kernel_dtype(weight),
                        .format = DType::f8e4m3,
                        .rows = weight.size(0),
                        .columns = weight.size(1),
                        .x = address(weight),
                        .amax = address<const float>(amax),
                        .q = Frame::has(op.q) ? address(frame[op.q]) : nullptr,
                        .q_t = Frame::has(op.q_t) ? address(frame[op.q_t]) : nullptr,
                        .scale = Frame::has(op.scale) ? address<float>(frame[op.scale]) : nullptr});
  return true;
}

}  // namespace perfbench
