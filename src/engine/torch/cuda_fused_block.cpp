
#include "engine/torch/cuda_fused.h"
#include "engine/torch/fused.h"
#include "engine/torch/rope_table.h"

namespace perfbench {
namespace {

ActivationKernel kernel_of(Activation activation) {
  switch (activation) {
    case Activation::silu:
      return ActivationKernel::silu;
    case Activation::gelu:
      return ActivationKernel::gelu;
    case Activation::gelu_tanh:
      return ActivationKernel::gelu_tanh;
    case Activation::relu2:
      return ActivationKernel::relu2;
  }
  return ActivationKernel::gelu;
}

}  // namespace

bool fused(const Rope& op, Frame& frame) {
  const at::Tensor &qkv = frame[op.qkv], &positions = frame[op.positions];
  if (!kernels_take(qkv) || !positions.is_contiguous()) return false;
  const RopeTable& table = rope_table(frame.rank, op);
  const at::Tensor out = output(frame, op.out, qkv);
  launch_on(qkv.device(), perfbench_rope,
            RopeCall{.dtype = kernel_dtype(qkv),
                     .tokens = qkv.size(0),
                     .heads = static_cast<int>(op.heads.heads),
                     .kv_heads = static_cast<int>(op.heads.kv_heads),
                     .head_dim = static_cast<int>(op.heads.head_dim),
                     .rotary_dim = static_cast<int>(op.rotary_dim),
                     .qkv = address(qkv),
                     .positions = address<const std::int64_t>(positions),
                     .cos = address<const float>(table.cos),
                     .sin = address<const float>(table.sin),
                     .out = address(out),
                     .inverse = op.inverse});
  frame.put(op.out, out);
  return true;
}

bool fused(const SwiGlu& op, Frame& frame) {
  const at::Tensor &x = frame[op.x], weights = operand(frame, op.weights);
  if (!kernels_take(x)) return false;
  const at::Tensor y = frame.make(op.y, x.size(0));
  launch_on(x.device(), perfbench_swiglu,
            SwiGluCall{.dtype = kernel_dtype(x),
                       .rows = x.size(0),
                       .width = x.size(1) / 2,
                       .x = address(x),
                       .weights = address<const float>(weights),
                       .y = address(y)});
  frame.put(op.y, y);
  return true;
}

bool fused(const SwiGluBackward& op, Frame& frame) {
  const at::Tensor &dy = frame[op.dy], &x = frame[op.x], weights = operand(frame, op.weights);
  if (!kernels_take(x, dy)) return false;
  const at::Tensor dx = frame.make(op.dx, x.size(0));
  const at::Tensor dweights = Frame::has(op.dweights) ? frame.make(op.dweights, x.size(0)) : at::Tensor();
  launch_on(x.device(), perfbench_swiglu_backward,
            SwiGluBackwardCall{.dtype = kernel_dtype(x),
                               .rows = x.size(0),
                               .width = x.size(1) / 2,
                               .dy = address(dy),
                               .x = address(x),
                               .weights = address<const float>(weights),
                               .dx = address(dx),
                               .dweights = address<float>(dweights)});
  frame.put(op.dx, dx);
  frame.put(op.dweights, dweights);
  return true;
}

bool fused(const Activate& op, Frame& frame) {
  const at::Tensor& x = frame[op.x];
  if (!kernels_take(x)) return false;
  const at::Tensor y = frame.make(op.y);
  launch_on(x.device(), perfbench_activate,
            ActivateCall{.dtype = kernel_dtype(x),
                         .activation = kernel_of(op.activation),
                         .elements = x.numel(),
                         .dy = nullptr,
                         .x = address(x),
                         .out = address(y)});
  frame.put(op.y, y);
  return true;
}

bool fused(const ActivateBackward& op, Frame& frame) {
  const at::Tensor &dy = frame[op.dy], &x = frame[op.x];
  if (!kernels_take(x, dy)) return false;
  const at::Tensor dx = frame.make(op.dx);
  launch_on(x.device(), perfbench_activate,
            ActivateCall{.dtype = kernel_dtype(x),
                         .activation = kernel_of(op.activation),
                         .elements = x.numel(),
                         .dy = address(dy),
                         .x = address(x),
                         .out = address(dx)});
  frame.put(op.dx, dx);
  return true;
}

}  // namespace perfbench
