#include <ATen/TensorOperators.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/gelu_backward.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/relu.h>
#include <ATen/ops/silu.h>
#include <ATen/ops/silu_backward.h>
#include <ATen/ops/sum.h>

#include "engine/torch/fused.h"
#include "engine/torch/ops.h"
#include "engine/torch/rope_table.h"

namespace perfbench {

// Element i of a head pairs with element i + rotary_dim / 2, as in transformers.
void run(const Rope& op, Frame& frame) {
  if (fused(op, frame)) return;
  const at::Tensor& qkv = frame[op.qkv];
  const Heads& heads = op.heads;
  const std::int64_t half = op.rotary_dim / 2;
  const std::int64_t turned = heads.heads + heads.kv_heads;  // q and k; v stays
  const RopeTable& table = rope_table(frame.rank, op);
  const at::Tensor cos = table.cos.index_select(0, frame[op.positions]).unsqueeze(1);  // (T, 1, rotary_dim / 2)
  const at::Tensor angle_sin = table.sin.index_select(0, frame[op.positions]).unsqueeze(1);
  const at::Tensor sin = op.inverse ? angle_sin.neg() : angle_sin;

  at::Tensor out = qkv.clone();
  at::Tensor qk = out.view({-1, turned + heads.kv_heads, heads.head_dim}).narrow(1, 0, turned);
  at::Tensor first = qk.narrow(2, 0, half), second = qk.narrow(2, half, half);  // (T, n + k, rotary_dim / 2)
  const at::Tensor a = first.to(at::kFloat, false, true), b = second.to(at::kFloat, false, true);
  first.copy_(at::mul(a, cos).sub_(at::mul(b, sin)));
  second.copy_(at::mul(b, cos).add_(at::mul(a, sin)));
  frame.put(op.out, out);
}

namespace {

// silu(gate) up w and its gradients, in float32, rounded once.
struct WeightedSwiGlu {
  at::Tensor gate, up, weights;  // (R, F), (R, F), (R, 1) float32

  WeightedSwiGlu(const at::Tensor& x, const at::Tensor& of_rows)
      : gate(x.narrow(1, 0, x.size(1) / 2).to(at::kFloat)),
        up(x.narrow(1, x.size(1) / 2, x.size(1) / 2).to(at::kFloat)),
        weights(of_rows.unsqueeze(1)) {}

  at::Tensor unweighted() const { return at::silu(gate).mul_(up); }
};

}  // namespace

void run(const SwiGlu& op, Frame& frame) {
  if (fused(op, frame)) return;
  const at::Tensor& x = frame[op.x];
  if (Frame::has(op.weights)) {
    const WeightedSwiGlu of(x, frame[op.weights]);
    return frame.put(op.y, of.unweighted().mul_(of.weights).to(x.scalar_type()));
  }
  const std::int64_t width = x.size(1) / 2;
  frame.put(op.y, at::silu(x.narrow(1, 0, width)).mul_(x.narrow(1, width, width)).contiguous());
}

void run(const SwiGluBackward& op, Frame& frame) {
  if (fused(op, frame)) return;
  const at::Tensor &dy = frame[op.dy], &x = frame[op.x];
  const std::int64_t width = x.size(1) / 2;
  at::Tensor dx = frame.make(op.dx, x.size(0));
  if (Frame::has(op.weights)) {
    const WeightedSwiGlu of(x, frame[op.weights]);
    const at::Tensor wide = dy.to(at::kFloat), dout = at::mul(wide, of.weights);
    dx.narrow(1, 0, width).copy_(at::silu_backward(at::mul(dout, of.up), of.gate));
    dx.narrow(1, width, width).copy_(at::mul(dout, at::silu(of.gate)));
    if (Frame::has(op.dweights)) frame.put(op.dweights, of.unweighted().mul_(wide).sum(1));
    return frame.put(op.dx, dx);
  }
  const at::Tensor gate = x.narrow(1, 0, width), up = x.narrow(1, width, width);  // (T, F) each
  dx.narrow(1, 0, width).copy_(at::silu_backward(at::mul(dy, up), gate));
  dx.narrow(1, width, width).copy_(at::mul(dy, at::silu(gate)));
  frame.put(op.dx, dx);
}

void run(const Activate& op, Frame& frame) {
  if (fused(op, frame)) return;
  const at::Tensor& x = frame[op.x];
  switch (op.activation) {
    case Activation::silu:
      return frame.put(op.y, at::silu(x));
    case Activation::gelu:
      return frame.put(op.y, at::gelu(x, "none"));
    case Activation::gelu_tanh:
      return frame.put(op.y, at::gelu(x, "tanh"));
    case Activation::relu2:
      return frame.put(op.y, at::relu(x).square_());
  }
}

void run(const ActivateBackward& op, Frame& frame) {
  if (fused(op, frame)) return;
  const at::Tensor &dy = frame[op.dy], &x = frame[op.x];
  switch (op.activation) {
    case Activation::silu:
      return frame.put(op.dx, at::silu_backward(dy, x));
    case Activation::gelu:
      return frame.put(op.dx, at::gelu_backward(dy, x, "none"));
    case Activation::gelu_tanh:
      return frame.put(op.dx, at::gelu_backward(dy, x, "tanh"));
    case Activation::relu2:
      return frame.put(op.dx, at::relu(x).mul_(2.0).mul_(dy));
  }
}

}  // namespace perfbench
