// Attention in blocks of queries and keys, in float32: for masks and splits that no fused kernel of the CPU knows.
// Letters: S tokens of a sample on this rank, B samples, k local key/value heads, g query heads that share one, D head
// dim.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "program/op.h"
#include "program/zigzag.h"

namespace perfbench {

// How the rows of an op lie, and the same numbers by heads.
struct HeadGrid {
  std::int64_t batch = 0, seq = 0, kv_heads = 0, group = 0, dim = 0;

  template <class OpType>
  explicit HeadGrid(const OpType& op)
      : batch(op.batch),
        seq(op.seq),
        kv_heads(op.heads.kv_heads),
        group(op.heads.heads / op.heads.kv_heads),
        dim(op.heads.head_dim) {}

  std::int64_t q_width() const { return kv_heads * group * dim; }
  std::int64_t kv_width() const { return 2 * kv_heads * dim; }  // of k and v together

  at::Tensor queries(const at::Tensor& rows) const;                            // (T, k g D) -> (B, k, g, S, D) float32
  at::Tensor query_rows(const at::Tensor& heads) const;                        // the other way, float32
  at::Tensor keys(const at::Tensor& rows) const;                               // of (T, 2 k D): (B, k, 1, S, D) float32
  at::Tensor values(const at::Tensor& rows) const;                             // the same of the other half
  at::Tensor kv_rows(const at::Tensor& keys, const at::Tensor& values) const;  // the other way, float32
};

// Queries and keys of which some see each other, and who does not.
struct AttentionBlock {
  SequenceRange queries{}, keys{};
  at::Tensor hidden{};  // bool, for (B, k, g, queries, keys); undefined: every query sees every key
};

// Which keys the queries of this rank see: those of the token's sub-sequence, none that come later under a causal mask.
class AttentionMask {
 public:
  // `starts` is (S, B) int64: where in its sample each token's sub-sequence starts; undefined: nothing is packed. Only
  // a causal mask goes with it. `host_starts`: the same on the host, so that nobody waits for the device.
  AttentionMask(bool causal, const std::vector<SequenceRange>& queries, at::Device device, const at::Tensor& starts,
                const at::Tensor& host_starts);

  // Blocks that are not empty, always in the same order.
  std::vector<AttentionBlock> blocks(const std::vector<SequenceRange>& keys) const;

 private:
  struct Queries {
    SequenceRange range{};
    std::int64_t first_start = 0, last_start = 0;  // of their sub-sequences
  };
  bool empty(const Queries& queries, const SequenceRange& keys) const;
  at::Tensor hidden(const Queries& queries, const SequenceRange& keys) const;

  at::Tensor positions(const SequenceRange& range) const;

  bool causal_;
  at::Device device_;
  at::Tensor starts_;
  std::vector<Queries> queries_;
};

// Attention over the keys seen so far: out is right for those, and lse says how much they weigh.
struct PartialAttention {
  at::Tensor out, lse;  // (B, k, g, S, D), (B, k, g, S) float32

  explicit PartialAttention(const at::Tensor& q);  // nothing seen yet
  void add(const AttentionBlock& block, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v);
};

// Gradients from the attention over all keys, block by block.
struct AttentionGradients {
  at::Tensor q, dout, lse;  // lse over all keys
  at::Tensor delta;         // (B, k, g, S): sum of dout * out
  at::Tensor dq;            // (B, k, g, S, D)

  AttentionGradients(at::Tensor q, at::Tensor dout, const at::Tensor& out, at::Tensor lse);
  // Adds to dq, and to the gradients of these keys and values, (B, k, 1, S, D) each.
  void add(const AttentionBlock& block, const at::Tensor& k, const at::Tensor& v, at::Tensor dk, at::Tensor dv);
};

}  // namespace perfbench
