// Attention on packed q|k|v: a fused kernel where the rank has whole samples (ATen's on a CPU, cuDNN's on CUDA) or, on
// CUDA, whole sub-sequences of one sample (FlashAttention's); blocks elsewhere. Letters: S sequence length, B samples,
// n and k local heads, D head dim.
#include <ATen/ops/_flash_attention_backward.h>
#include <ATen/ops/_flash_attention_forward.h>
#include <ATen/ops/_scaled_dot_product_cudnn_attention.h>
#include <ATen/ops/_scaled_dot_product_cudnn_attention_backward.h>
#include <ATen/ops/_scaled_dot_product_flash_attention_for_cpu.h>
#include <ATen/ops/_scaled_dot_product_flash_attention_for_cpu_backward.h>
#include <ATen/ops/sum.h>
#include <ATen/ops/zeros.h>
#include <fmt/format.h>

#include <optional>
#include <string>

#include "engine/torch/ops.h"
#include "engine/torch/refusal.h"
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

// Why the fused kernels do not take it; empty: they do. cuDNN's and FlashAttention's take two-byte numbers and heads of
// a multiple of 8 of them, up to 128 in cuDNN's backward on Hopper and 256 in FlashAttention's. Sequences of whole
// tiles: shorter ones are for tests.
std::string why_in_blocks(const auto& op, const Frame& frame) {
  const std::int64_t head_dim = op.heads.head_dim;
  if (frame.rank.over(Axis::cp).size() > 1) return "K and V go round a ring of cp ranks";
  if (frame[op.qkv].scalar_type() != at::kBFloat16) return "the fused kernels take BF16";
  if (head_dim % 8 != 0 || head_dim > 128)
    return fmt::format("the fused kernels take heads of a multiple of 8, up to 128, not of {}", head_dim);
  if (op.seq % 64 != 0) return fmt::format("the fused kernels take a sequence of a multiple of 64, not of {}", op.seq);
  if (Frame::has(op.starts) && !frame.packed(op.starts).bounds.defined())
    return "packs of several samples lie between each other";
  return "";
}

enum class Kernel : std::uint8_t { cpu, fused, fused_packed, blocks };

Kernel kernel_of(const auto& op, const Frame& frame) {
  const bool packed = Frame::has(op.starts);
  if (frame.rank.device.is_cpu()) return packed || frame.rank.over(Axis::cp).size() > 1 ? Kernel::blocks : Kernel::cpu;
  const std::string why = why_in_blocks(op, frame);
  if (why.empty()) return packed ? Kernel::fused_packed : Kernel::fused;
  frame.rank.remark("attention runs in blocks of float32 products: " + why);
  return Kernel::blocks;
}

at::Tensor lse_rows(const at::Tensor& lse, const auto& op) {  // (B, n, S) or (B, n, S, 1) -> (T, n)
  const std::int64_t n = op.heads.heads;
  return lse.reshape({op.batch, n, op.seq}).permute({2, 0, 1}).contiguous().view({op.seq * op.batch, n});
}

at::Tensor lse_by_heads(const at::Tensor& rows, const auto& op) {  // (T, n) -> (B, n, S)
  return rows.view({op.seq, op.batch, op.heads.heads}).permute({1, 2, 0}).contiguous();
}

Heads3 views(const at::Tensor& qkv, const auto& op) {  // of the packed tensor; cuDNN shares k and v itself
  const std::int64_t n = op.heads.heads, k = op.heads.kv_heads;
  const at::Tensor all = by_heads(qkv, op, n + 2 * k);
  return {all.narrow(1, 0, n), all.narrow(1, n, k), all.narrow(1, n + k, k)};
}

void run_cudnn(const Attention& op, Frame& frame) {
  const Heads3 heads = views(frame[op.qkv], op);
  const auto result =
      at::_scaled_dot_product_cudnn_attention(heads.q, heads.k, heads.v, std::nullopt, true, 0.0, op.causal, false);
  frame.put(op.out, by_rows(std::get<0>(result)));  // as q lies: by_rows copies nothing
  frame.put(op.lse, lse_rows(std::get<1>(result), op));
}

void run_cudnn(const AttentionBackward& op, Frame& frame) {
  const std::int64_t n = op.heads.heads, k = op.heads.kv_heads;
  const Heads3 heads = views(frame[op.qkv], op);
  const at::Tensor lse = lse_by_heads(frame[op.lse], op).unsqueeze(3);
  const at::Tensor no_dropout = at::zeros({}, at::TensorOptions().dtype(at::kLong).device(frame.rank.device));
  const auto [dq, dk, dv] = at::_scaled_dot_product_cudnn_attention_backward(
      by_heads(frame[op.dout], op, n), heads.q, heads.k, heads.v, by_heads(frame[op.out], op, n), lse, no_dropout,
      no_dropout, {}, {}, {}, op.seq, op.seq, 0.0, op.causal);
  at::Tensor dqkv = frame.make(op.dqkv);
  at::Tensor all = by_heads(dqkv, op, n + 2 * k);
  all.narrow(1, 0, n).copy_(dq);
  all.narrow(1, n, k).copy_(dk);
  all.narrow(1, n + k, k).copy_(dv);
  frame.put(op.dqkv, dqkv);
}

// How FlashAttention sees the rows: (B, S, heads, D), or of one packed sample (T, heads, D) with the bounds of its
// sub-sequences.
struct FlashView {
  std::int64_t batch = 0, seq = 0, head_dim = 0;
  std::optional<at::Tensor> bounds{};
  std::int64_t longest = 0;

  at::Tensor operator()(const at::Tensor& rows, std::int64_t heads) const {
    if (bounds) return rows.view({seq, heads, head_dim});
    return rows.view({seq, batch, heads, head_dim}).transpose(0, 1);
  }
  at::Tensor rows(const at::Tensor& view) const {
    return (bounds ? view : view.transpose(0, 1)).contiguous().view({seq * batch, -1});
  }
  at::Tensor lse_rows(const at::Tensor& lse) const {  // (n, T) or (B, n, S) -> (T, n)
    return (bounds ? lse.t() : lse.permute({2, 0, 1})).contiguous().view({seq * batch, -1});
  }
  at::Tensor lse(const at::Tensor& rows, std::int64_t heads) const {
    return (bounds ? rows.t() : rows.view({seq, batch, heads}).permute({1, 2, 0})).contiguous();
  }
};

FlashView flash_view(const auto& op, const Frame& frame) {
  FlashView view{.batch = op.batch, .seq = op.seq, .head_dim = op.heads.head_dim, .longest = op.seq};
  if (!Frame::has(op.starts)) return view;
  view.bounds = frame.packed(op.starts).bounds;
  view.longest = frame.packed(op.starts).longest;
  return view;
}

// q, k and v of the packed tensor, which lies as `rows`.
Heads3 parts(const at::Tensor& all, const Heads& heads) {
  const std::int64_t n = heads.heads, k = heads.kv_heads, dim = all.dim() - 2;
  return {all.narrow(dim, 0, n), all.narrow(dim, n, k), all.narrow(dim, n + k, k)};
}

void run_flash(const Attention& op, Frame& frame) {
  const FlashView view = flash_view(op, frame);
  const Heads3 heads = parts(view(frame[op.qkv], op.heads.heads + 2 * op.heads.kv_heads), op.heads);
  const auto result = at::_flash_attention_forward(heads.q, heads.k, heads.v, view.bounds, view.bounds, view.longest,
                                                   view.longest, 0.0, op.causal, false);
  frame.put(op.out, view.rows(std::get<0>(result)));
  frame.put(op.lse, view.lse_rows(std::get<1>(result)));
}

void run_flash(const AttentionBackward& op, Frame& frame) {
  const FlashView view = flash_view(op, frame);
  const std::int64_t n = op.heads.heads, packed_heads = n + 2 * op.heads.kv_heads;
  const Heads3 heads = parts(view(frame[op.qkv], packed_heads), op.heads);
  const at::Tensor no_dropout = at::zeros({2}, at::TensorOptions().dtype(at::kUInt64).device(frame.rank.device));
  const at::Tensor bounds = view.bounds.value_or(at::Tensor());
  const auto [dq, dk, dv] = at::_flash_attention_backward(
      view(frame[op.dout], n), heads.q, heads.k, heads.v, view(frame[op.out], n), view.lse(frame[op.lse], n), bounds,
      bounds, view.longest, view.longest, 0.0, op.causal, no_dropout, no_dropout);
  const at::Tensor dqkv = frame.make(op.dqkv);
  const Heads3 made = parts(view(dqkv, packed_heads), op.heads);
  made.q.copy_(dq);
  made.k.copy_(dk);
  made.v.copy_(dv);
  frame.put(op.dqkv, dqkv);
}

// cuDNN says what it has no kernel for when it is asked; FlashAttention's serves from then on, also after a forward of
// cuDNN: both have one log-sum-exp.
void run_fused(const auto& op, Frame& frame) {
  Rank& rank = frame.rank;
  if (!rank.cudnn_refused) {
    const auto refusal = refusal_of([&] { run_cudnn(op, frame); }, waits_for(rank.device));
    if (!refusal) return;
    rank.cudnn_refused = true;
    rank.remark("attention is FlashAttention's, because cuDNN refused it: " + refusal->substr(0, refusal->find('\n')));
  }
  run_flash(op, frame);
}

void run_cpu(const Attention& op, Frame& frame) {
  const Heads3 heads = unpack(frame[op.qkv], op);
  const auto [out, lse] =
      at::_scaled_dot_product_flash_attention_for_cpu(heads.q, heads.k, heads.v, 0.0, op.causal);  // lse (B, n, S)
  frame.put(op.out, by_rows(out));
  frame.put(op.lse, lse_rows(lse, op));
}

void run_cpu(const AttentionBackward& op, Frame& frame) {
  const std::int64_t n = op.heads.heads, k = op.heads.kv_heads;
  const Heads3 heads = unpack(frame[op.qkv], op);
  const at::Tensor lse = lse_by_heads(frame[op.lse], op);
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

void run_as_can_be(const auto& op, Frame& frame) {
  switch (kernel_of(op, frame)) {
    case Kernel::cpu:
      return run_cpu(op, frame);
    case Kernel::fused:
      return run_fused(op, frame);
    case Kernel::fused_packed:
      return run_flash(op, frame);
    case Kernel::blocks:
      return run_in_blocks(op, frame);
  }
}

}  // namespace

void run(const Attention& op, Frame& frame) { run_as_can_be(op, frame); }
void run(const AttentionBackward& op, Frame& frame) { run_as_can_be(op, frame); }

}  // namespace perfbench
