#include "engine/torch/attention_blocks.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/exp.h>
#include <ATen/ops/full.h>
#include <ATen/ops/logaddexp.h>
#include <ATen/ops/logsumexp.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/sum.h>
#include <ATen/ops/zeros_like.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "base/error.h"

namespace perfbench {
namespace {

constexpr std::int64_t kBlockTokens = 128;  // so that most of a packed sample's empty half is skipped
constexpr float kNothing = -std::numeric_limits<float>::infinity();

std::vector<SequenceRange> cut(const std::vector<SequenceRange>& ranges) {
  std::vector<SequenceRange> pieces;
  for (const SequenceRange& range : ranges) {
    for (std::int64_t done = 0; done < range.count; done += kBlockTokens) {
      pieces.push_back({.position = range.position + done,
                        .local = range.local + done,
                        .count = std::min(kBlockTokens, range.count - done)});
    }
  }
  return pieces;
}

at::Tensor part(const at::Tensor& heads, const SequenceRange& range) {  // of (B, k, g, S, ...)
  return heads.narrow(3, range.local, range.count);
}

// q k^T / sqrt(D), nothing where it is hidden. (B, k, g, queries, keys)
at::Tensor scores(const AttentionBlock& block, const at::Tensor& q, const at::Tensor& k) {
  at::Tensor scores = at::matmul(part(q, block.queries), part(k, block.keys).transpose(-1, -2));
  scores.mul_(1.0 / std::sqrt(static_cast<double>(q.size(-1))));
  if (block.hidden.defined()) scores.masked_fill_(block.hidden, kNothing);
  return scores;
}

}  // namespace

at::Tensor HeadGrid::queries(const at::Tensor& rows) const {
  return rows.view({seq, batch, kv_heads, group, dim}).permute({1, 2, 3, 0, 4}).to(at::kFloat).contiguous();
}

at::Tensor HeadGrid::query_rows(const at::Tensor& heads) const {
  return heads.permute({3, 0, 1, 2, 4}).contiguous().view({seq * batch, q_width()});
}

at::Tensor HeadGrid::keys(const at::Tensor& rows) const {
  const at::Tensor half = rows.view({seq, batch, 2, kv_heads, 1, dim}).select(2, 0);
  return half.permute({1, 2, 3, 0, 4}).to(at::kFloat).contiguous();
}

at::Tensor HeadGrid::values(const at::Tensor& rows) const {
  const at::Tensor half = rows.view({seq, batch, 2, kv_heads, 1, dim}).select(2, 1);
  return half.permute({1, 2, 3, 0, 4}).to(at::kFloat).contiguous();
}

at::Tensor HeadGrid::kv_rows(const at::Tensor& keys, const at::Tensor& values) const {
  return at::cat({keys, values}, 1).permute({3, 0, 1, 2, 4}).contiguous().view({seq * batch, kv_width()});
}

at::Tensor AttentionMask::positions(const SequenceRange& range) const {
  return at::arange(range.position, range.position + range.count, at::TensorOptions().dtype(at::kLong).device(device_));
}

AttentionMask::AttentionMask(bool causal, const std::vector<SequenceRange>& queries, at::Device device,
                             const at::Tensor& starts, const at::Tensor& host_starts)
    : causal_(causal), device_(device), starts_(starts) {
  check(causal || !starts.defined(), "attention: packed sub-sequences need a causal mask");
  for (const SequenceRange& range : cut(queries)) {
    Queries piece{.range = range};
    if (starts.defined()) {
      const at::Tensor own = host_starts.narrow(0, range.local, range.count);
      piece.first_start = own.min().item<std::int64_t>();
      piece.last_start = own.max().item<std::int64_t>();
    }
    queries_.push_back(piece);
  }
}

bool AttentionMask::empty(const Queries& queries, const SequenceRange& keys) const {
  if (causal_ && keys.position > queries.range.last()) return true;
  return keys.last() < queries.first_start;
}

at::Tensor AttentionMask::hidden(const Queries& queries, const SequenceRange& keys) const {
  at::Tensor hidden;
  if (causal_ && keys.last() > queries.range.position) {
    hidden = positions(keys).unsqueeze(0) > positions(queries.range).unsqueeze(1);  // (queries, keys)
  }
  if (keys.position < queries.last_start) {
    const at::Tensor own = starts_.narrow(0, queries.range.local, queries.range.count).t();  // (B, queries)
    const at::Tensor before = positions(keys) < own.unsqueeze(-1);                           // (B, queries, keys)
    hidden = (hidden.defined() ? before.logical_or(hidden) : before).unsqueeze(1).unsqueeze(1);
  }
  return hidden;
}

std::vector<AttentionBlock> AttentionMask::blocks(const std::vector<SequenceRange>& keys) const {
  std::vector<AttentionBlock> blocks;
  const std::vector<SequenceRange> pieces = cut(keys);
  for (const Queries& queries : queries_) {
    for (const SequenceRange& piece : pieces) {
      if (empty(queries, piece)) continue;
      blocks.push_back({.queries = queries.range, .keys = piece, .hidden = hidden(queries, piece)});
    }
  }
  return blocks;
}

PartialAttention::PartialAttention(const at::Tensor& q)
    : out(at::zeros_like(q)), lse(at::full(q.sizes().slice(0, 4), kNothing, q.options())) {}

// With the new keys a query's sum of exponentials becomes exp(merged): what it had before shrinks by exp(lse - merged).
void PartialAttention::add(const AttentionBlock& block, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) {
  at::Tensor own_out = part(out, block.queries), own_lse = part(lse, block.queries);
  const at::Tensor found = scores(block, q, k);
  const at::Tensor merged = at::logaddexp(own_lse, at::logsumexp(found, {-1}));
  const at::Tensor base = merged.masked_fill(merged == kNothing, 0.0);  // of queries that have seen nothing yet
  const at::Tensor weights = at::exp(found - base.unsqueeze(-1));
  own_out.mul_(at::exp(own_lse - base).unsqueeze(-1)).add_(at::matmul(weights, part(v, block.keys)));
  own_lse.copy_(merged);
}

AttentionGradients::AttentionGradients(at::Tensor queries, at::Tensor grad_out, const at::Tensor& out,
                                       at::Tensor all_lse)
    : q(std::move(queries)),
      dout(std::move(grad_out)),
      lse(std::move(all_lse)),
      delta(at::sum(dout * out, -1)),
      dq(at::zeros_like(q)) {}

void AttentionGradients::add(const AttentionBlock& block, const at::Tensor& k, const at::Tensor& v, at::Tensor dk,
                             at::Tensor dv) {
  const at::Tensor own_dout = part(dout, block.queries);
  const at::Tensor weights = at::exp(scores(block, q, k) - part(lse, block.queries).unsqueeze(-1));
  const at::Tensor dweights = at::matmul(own_dout, part(v, block.keys).transpose(-1, -2));
  at::Tensor dscores = (dweights - part(delta, block.queries).unsqueeze(-1)).mul_(weights);
  dscores.mul_(1.0 / std::sqrt(static_cast<double>(q.size(-1))));
  part(dq, block.queries).add_(at::matmul(dscores, part(k, block.keys)));
  // The query heads that share a key/value head add up.
  part(dv, block.keys).add_(at::sum(at::matmul(weights.transpose(-1, -2), own_dout), 2, true));
  part(dk, block.keys).add_(at::sum(at::matmul(dscores.transpose(-1, -2), part(q, block.queries)), 2, true));
}

}  // namespace perfbench
