// Attention on packed q|k|v: ATen's fused kernel where the rank has whole samples, blocks elsewhere. Letters: S
// sequence length, B samples, n and k local heads, D head dim.
#include <ATen/ops/_scaled_dot_product_flash_attention_for_cpu.h>
#include <ATen/ops/_scaled_dot_product_flash_attention_for_cpu_backward.h>
#include <ATen/ops/sum.h>

#include "base/error.h"
#include "engine/torch/ops.h"
#include "engine/torch/ring_attention.h"

namespace perfbench {
namespace {

struct Heads3 {
  at::Tensor q, k, v;  // (B, n, S, D) each; k and v repeated for the query heads that share them
};

at::Tensor by_heads(const at::Tensor& rows, const auto& op, std::int64_t heads) {  // (T, heads D) -> (B, heads, S, D)
  return rows.view({op.seq, op.batch, heads, op.heads.head_dim}).permute({1, 2, 0, 3});
}

at::Tensor by_rows(const at::Tensor& heads) {  // (B, heads, S, D) -> (T, heads D)
  return heads.permute({2, 0, 1, 3}).contiguous().view({heads.size(2) * heads.size(0), -1});
}

Heads3 unpack(const at::Tensor& qkv, const auto& op) {
  const std::int64_t n = op.heads.heads, k = op.heads.kv_heads;
  const at::Tensor all = by_heads(qkv, op, n + 2 * k);
  const auto repeat = [&](const at::Tensor& kv) {  // (B, k, S, D) -> (B, n, S, D)
    if (n == k) return kv;
    return kv.unsqueeze(2).expand({op.batch, k, n / k, op.seq, op.heads.head_dim}).reshape({op.batch, n, op.seq, -1});
  };
  return {all.narrow(1, 0, n), repeat(all.narrow(1, n, k)), repeat(all.narrow(1, n + k, k))};
}

void require_cpu(const Frame& frame) {
  if (!frame.rank.device.is_cpu()) throw Unsupported("attention on cuda", "attention on CUDA is not built yet");
}

bool whole_samples(const auto& op, const Frame& frame) {
  return !Frame::has(op.starts) && frame.rank.over(Axis::cp).size() == 1;
}

}  // namespace

void run(const Attention& op, Frame& frame) {
  require_cpu(frame);
  if (!whole_samples(op, frame)) return run_in_blocks(op, frame);
  const Heads3 heads = unpack(frame[op.qkv], op);
  const auto [out, lse] =
      at::_scaled_dot_product_flash_attention_for_cpu(heads.q, heads.k, heads.v, 0.0, op.causal);  // lse (B, n, S)
  frame.put(op.out, by_rows(out));
  frame.put(op.lse, lse.permute({2, 0, 1}).contiguous().view({op.seq * op.batch, op.heads.heads}));
}

void run(const AttentionBackward& op, Frame& frame) {
  require_cpu(frame);
  if (!whole_samples(op, frame)) return run_in_blocks(op, frame);
  const std::int64_t n = op.heads.heads, k = op.heads.kv_heads;
  const Heads3 heads = unpack(frame[op.qkv], op);
  const at::Tensor lse = frame[op.lse].view({op.seq, op.batch, n}).permute({1, 2, 0}).contiguous();
  const auto [dq, dk, dv] = at::_scaled_dot_product_flash_attention_for_cpu_backward(
      by_heads(frame[op.dout], op, n), heads.q, heads.k, heads.v, by_heads(frame[op.out], op, n), lse, 0.0, op.causal);
  const auto gather = [&](const at::Tensor& d) {  // the sum over the query heads that share a key/value head
    return n == k ? d : at::sum(d.reshape({op.batch, k, n / k, op.seq, -1}), 2);
  };
  at::Tensor dqkv = frame.make(op.dqkv);
  at::Tensor all = by_heads(dqkv, op, n + 2 * k);
  all.narrow(1, 0, n).copy_(dq);
  all.narrow(1, n, k).copy_(gather(dk));
  all.narrow(1, n + k, k).copy_(gather(dv));
  frame.put(op.dqkv, dqkv);
}

}  // namespace perfbench
