// Norms: sums in float32, one rounding at the end.
#include <ATen/TensorOperators.h>
#include <ATen/ops/add.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/mean.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/rsqrt.h>
#include <ATen/ops/sum.h>

#include "engine/torch/fused.h"
#include "engine/torch/ops.h"

namespace perfbench {

void run(const RmsNorm& op, Frame& frame) {
  if (fused(op, frame)) return;
  at::Tensor x = frame[op.x];
  if (Frame::has(op.residual)) {
    x = at::add(x, frame[op.residual]);
    frame.put(op.sum, x);
  }
  const at::Tensor wide = x.to(at::kFloat);                                            // (T, H)
  const at::Tensor rstd = at::rsqrt(at::mean(wide.square(), {1}, true).add_(op.eps));  // (T, 1)
  frame.put(op.y, at::mul(wide, rstd).to(x.scalar_type()).mul_(frame[op.weight]));
  frame.put(op.rstd, rstd.reshape({-1}));
}

// With n = sum * rstd and g = dy * weight: dx = rstd (g - n mean(g n)) + dsum, dw = sum over rows of dy n.
void run(const RmsNormBackward& op, Frame& frame) {
  if (fused(op, frame)) return;
  const at::Tensor& sum = frame[op.sum];
  const at::Tensor dy = frame[op.dy].to(at::kFloat);
  const at::Tensor rstd = frame[op.rstd].unsqueeze(1);          // (T, 1)
  const at::Tensor normed = at::mul(sum.to(at::kFloat), rstd);  // (T, H)
  if (Frame::has(op.dw)) frame.put(op.dw, at::sum(at::mul(dy, normed), 0).to(sum.scalar_type()));
  const at::Tensor g = at::mul(dy, frame[op.weight].to(at::kFloat));  // (T, H)
  const at::Tensor mean = at::mean(at::mul(g, normed), {1}, true);    // (T, 1)
  at::Tensor dx = at::mul(normed, mean).neg_().add_(g).mul_(rstd);
  if (Frame::has(op.dsum)) dx.add_(frame[op.dsum]);
  frame.put(op.dx, dx.to(sum.scalar_type()));
}

void run(const LayerNorm& op, Frame& frame) {
  if (fused(op, frame)) return;
  at::Tensor x = frame[op.x];
  if (Frame::has(op.residual)) {
    x = at::add(x, frame[op.residual]);
    frame.put(op.sum, x);
  }
  const at::Tensor wide = x.to(at::kFloat);                                                // (T, H)
  const at::Tensor mean = at::mean(wide, {1}, true);                                       // (T, 1)
  const at::Tensor centered = wide - mean;                                                 // (T, H)
  const at::Tensor rstd = at::rsqrt(at::mean(centered.square(), {1}, true).add_(op.eps));  // (T, 1)
  const at::Tensor weight = frame[op.weight].to(at::kFloat) + op.weight_offset;            // (H)
  frame.put(op.y, at::mul(centered, rstd).mul_(weight).add_(frame[op.bias]).to(x.scalar_type()));
  frame.put(op.mean, mean.reshape({-1}));
  frame.put(op.rstd, rstd.reshape({-1}));
}

// With n = (sum - mean) * rstd and g = dy * (weight + offset): dx = rstd (g - mean(g) - n mean(g n)) + dsum,
// dw = sum over rows of dy n, db = sum over rows of dy.
void run(const LayerNormBackward& op, Frame& frame) {
  if (fused(op, frame)) return;
  const at::Tensor& sum = frame[op.sum];
  const at::Tensor dy = frame[op.dy].to(at::kFloat);
  const at::Tensor rstd = frame[op.rstd].unsqueeze(1);  // (T, 1)
  const at::Tensor normed = (sum.to(at::kFloat) - frame[op.mean].unsqueeze(1)).mul_(rstd);
  if (Frame::has(op.dw)) frame.put(op.dw, at::sum(at::mul(dy, normed), 0).to(sum.scalar_type()));
  if (Frame::has(op.db)) frame.put(op.db, at::sum(dy, 0).to(sum.scalar_type()));
  const at::Tensor g = at::mul(dy, frame[op.weight].to(at::kFloat) + op.weight_offset);  // (T, H)
  const at::Tensor along = at::mean(at::mul(g, normed), {1}, true);                      // (T, 1)
  at::Tensor dx = at::mul(normed, along).neg_().add_(g).sub_(at::mean(g, {1}, true)).mul_(rstd);
  if (Frame::has(op.dsum)) dx.add_(frame[op.dsum]);
  frame.put(op.dx, dx.to(sum.scalar_type()));
}

namespace {

// The heads of q and k inside the packed tensor, as a view. (T, n + k, D)
at::Tensor query_and_key(const at::Tensor& packed, const Heads& heads) {
  return packed.view({-1, heads.heads + 2 * heads.kv_heads, heads.head_dim}).narrow(1, 0, heads.heads + heads.kv_heads);
}

// The weight of each head of q and k. (n + k, D)
at::Tensor weights_by_head(const auto& op, const Frame& frame) {
  const Heads& heads = op.heads;
  return at::cat({frame[op.q_weight].expand({heads.heads, heads.head_dim}),
                  frame[op.k_weight].expand({heads.kv_heads, heads.head_dim})});
}

}  // namespace

void run(const QkNorm& op, Frame& frame) {
  if (fused(op, frame)) return;
  at::Tensor out = frame[op.qkv].clone();
  at::Tensor qk = query_and_key(out, op.heads);
  const at::Tensor wide = qk.to(at::kFloat);                                           // (T, n + k, D)
  const at::Tensor rstd = at::rsqrt(at::mean(wide.square(), {2}, true).add_(op.eps));  // (T, n + k, 1)
  qk.copy_(at::mul(wide, rstd).to(out.scalar_type()).mul_(weights_by_head(op, frame)));
  frame.put(op.out, out);
  frame.put(op.rstd, rstd.squeeze(2).contiguous());
}

// As RmsNormBackward for each head; all heads of q have one weight, all of k another.
void run(const QkNormBackward& op, Frame& frame) {
  if (fused(op, frame)) return;
  at::Tensor dqkv = frame[op.dout].clone();
  at::Tensor dqk = query_and_key(dqkv, op.heads);
  const at::Tensor dy = dqk.to(at::kFloat, false, true);  // (T, n + k, D)
  const at::Tensor rstd = frame[op.rstd].unsqueeze(2);    // (T, n + k, 1)
  const at::Tensor normed = at::mul(query_and_key(frame[op.qkv], op.heads).to(at::kFloat), rstd);
  if (Frame::has(op.dq_weight)) {
    const std::int64_t n = op.heads.heads, k = op.heads.kv_heads;
    const at::Tensor by_head = at::sum(at::mul(dy, normed), 0);  // (n + k, D)
    frame.put(op.dq_weight, at::sum(by_head.narrow(0, 0, n), 0).to(dqkv.scalar_type()));
    frame.put(op.dk_weight, at::sum(by_head.narrow(0, n, k), 0).to(dqkv.scalar_type()));
  }
  const at::Tensor g = at::mul(dy, weights_by_head(op, frame).to(at::kFloat));
  const at::Tensor along = at::mean(at::mul(g, normed), {2}, true);  // (T, n + k, 1)
  dqk.copy_(at::mul(normed, along).neg_().add_(g).mul_(rstd));
  frame.put(op.dqkv, dqkv);
}

}  // namespace perfbench
