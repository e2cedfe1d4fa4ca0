#include "engine/torch/ring_attention.h"

#include <ATen/ops/empty_like.h>
#include <ATen/ops/zeros_like.h>

#include <utility>
#include <vector>

#include "engine/torch/attention_blocks.h"

namespace perfbench {
namespace {

// A tensor that goes round the ranks of cp: what is here, and where the next one arrives. Both are counted as long as
// the ring lives; a ring of one rank is scratch memory of its op.
class Ring {
 public:
  Ring(at::Tensor own, DType dtype, Rank& rank)
      : here_(std::move(own)), dtype_(dtype), rank_(rank), group_(rank.over(Axis::cp)) {
    if (size() > 1) next_ = at::empty_like(here_);
    rank_.ledger.hold(counted());
  }
  ~Ring() { rank_.ledger.release(counted()); }
  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;

  int size() const { return group_.size(); }
  const at::Tensor& here() const { return here_; }
  // The rank of cp whose tensor is here after so many shifts.
  int source(int shifts) const { return (group_.rank() + size() - shifts) % size(); }

  void shift() {
    if (size() == 1) return;
    group_.ring_shift(here_.data_ptr(), next_.data_ptr(), here_.numel(), dtype_);
    std::swap(here_, next_);
  }

 private:
  std::int64_t counted() const { return size() > 1 ? held_bytes(here_) + held_bytes(next_) : 0; }

  at::Tensor here_, next_;
  DType dtype_;
  Rank& rank_;
  Communicator& group_;
};

// Ranges of one sample's tokens on each rank of cp, and what this rank's queries see.
template <class OpType>
class Sight {
 public:
  Sight(const OpType& op, const Frame& frame)
      : whole_(op.seq * frame.rank.over(Axis::cp).size()),
        cp_(frame.rank.over(Axis::cp).size()),
        mask_(op.causal, zigzag_ranges(whole_, cp_, frame.rank.over(Axis::cp).rank()), frame.rank.device,
              Frame::has(op.starts) ? by_sample(op, frame[op.starts]) : at::Tensor(),
              Frame::has(op.starts) ? by_sample(op, frame.packed(op.starts).host_starts) : at::Tensor()) {}

  std::vector<AttentionBlock> blocks(int source) const { return mask_.blocks(zigzag_ranges(whole_, cp_, source)); }

 private:
  static at::Tensor by_sample(const OpType& op, const at::Tensor& rows) { return rows.view({op.seq, op.batch}); }

  std::int64_t whole_;
  int cp_;
  AttentionMask mask_;
};

// A copy of K and V, (T, 2 k D). Each rank's own: others read it.
at::Tensor keys_values(const at::Tensor& qkv, const HeadGrid& grid) {
  return qkv.narrow(1, grid.q_width(), grid.kv_width()).clone(at::MemoryFormat::Contiguous);
}

at::Tensor queries(const at::Tensor& qkv, const HeadGrid& grid) {
  return grid.queries(qkv.narrow(1, 0, grid.q_width()).contiguous());
}

}  // namespace

void run_in_blocks(const Attention& op, Frame& frame) {
  const HeadGrid grid(op);
  const Sight sight(op, frame);
  const at::Tensor& qkv = frame[op.qkv];
  const at::Tensor q = queries(qkv, grid);
  const DType dtype = frame.type(op.qkv.id).dtype;
  PartialAttention sum(q);
  Ring ring(keys_values(qkv, grid), dtype, frame.rank);
  for (int shifts = 0; shifts < ring.size(); ++shifts) {
    if (shifts > 0) ring.shift();
    const at::Tensor k = grid.keys(ring.here()), v = grid.values(ring.here());
    for (const AttentionBlock& block : sight.blocks(ring.source(shifts))) sum.add(block, q, k, v);
  }
  frame.put(op.out, grid.query_rows(sum.out).to(scalar_type(dtype)));
  frame.put(op.lse, sum.lse.permute({3, 0, 1, 2}).contiguous().view({op.seq * op.batch, op.heads.heads}));
}

void run_in_blocks(const AttentionBackward& op, Frame& frame) {
  const HeadGrid grid(op);
  const Sight sight(op, frame);
  const at::Tensor& qkv = frame[op.qkv];
  const DType dtype = frame.type(op.qkv.id).dtype;
  const at::Tensor lse =
      frame[op.lse].view({op.seq, op.batch, grid.kv_heads, grid.group}).permute({1, 2, 3, 0}).contiguous();
  AttentionGradients gradients(queries(qkv, grid), grid.queries(frame[op.dout]), grid.queries(frame[op.out]), lse);
  Ring ring(keys_values(qkv, grid), dtype, frame.rank);
  Ring back(at::zeros_like(ring.here()), dtype, frame.rank);
  for (int shifts = 0; shifts < ring.size(); ++shifts) {
    if (shifts > 0) ring.shift();
    const at::Tensor k = grid.keys(ring.here()), v = grid.values(ring.here());
    const at::Tensor dk = at::zeros_like(k), dv = at::zeros_like(v);
    for (const AttentionBlock& block : sight.blocks(ring.source(shifts))) gradients.add(block, k, v, dk, dv);
    at::Tensor(back.here()).add_(grid.kv_rows(dk, dv));
    back.shift();
  }
  at::Tensor dqkv = frame.make(op.dqkv);
  dqkv.narrow(1, 0, grid.q_width()).copy_(grid.query_rows(gradients.dq));
  dqkv.narrow(1, grid.q_width(), grid.kv_width()).copy_(back.here());
  frame.put(op.dqkv, dqkv);
}

}  // namespace perfbench
