#include <ATen/ops/_grouped_mm.h>
#include <ATen/ops/cumsum.h>
#include <ATen/ops/sum.h>

#include "engine/torch/cuda_fused.h"
#include "engine/torch/fused.h"

namespace perfbench {
namespace {

constexpr std::int64_t kAlignment = 8;  // bf16 numbers in 16 bytes: widths that at::_grouped_mm takes are multiples

bool is_taken(const at::Tensor& tensor) {
  return tensor.scalar_type() == at::kBFloat16 && tensor.is_contiguous() && tensor.size(-1) % kAlignment == 0 &&
         reinterpret_cast<std::uintptr_t>(tensor.data_ptr()) % 16 == 0;
}

// Where the rows of each of this rank's experts end: (e) int32 on the device, of counts (S, E).
at::Tensor ends_of(const at::Tensor& counts, std::int64_t experts, Frame& frame) {
  const std::int64_t first = counts.size(1) == experts ? 0 : frame.rank.over(Axis::ep).rank() * experts;
  return at::cumsum(at::sum(counts.narrow(1, first, experts), 0), 0, at::kInt);
}

}  // namespace

// Without counts all experts have as many rows, and LibTorch's batched product takes them.
bool fused(const GroupedMatmul& op, Frame& frame) {
  const at::Tensor &a = frame[op.a], &b = frame[op.b];
  if (!Frame::has(op.counts) || !has_grouped_products(a.device()) || !is_taken(a) || !is_taken(b)) return false;
  const at::Tensor right = op.transpose_b ? b.transpose(1, 2) : b;  // (e, K, N)
  if (right.size(2) % kAlignment != 0) return false;
  const bool empty = a.size(0) == 0;
  frame.put(op.out,
            empty ? frame.make(op.out, 0) : at::_grouped_mm(a, right, ends_of(frame[op.counts], b.size(0), frame)));
  return true;
}

bool fused(const GroupedWeightGrad& op, Frame& frame) {
  const at::Tensor &dy = frame[op.dy], &x = frame[op.x];
  if (!Frame::has(op.counts) || !has_grouped_products(x.device()) || !is_taken(dy) || !is_taken(x)) return false;
  if (op.transposed) return false;
  if (dy.size(0) == 0) {
    frame.put(op.dw, frame.make(op.dw).zero_());
    return true;
  }
  frame.put(op.dw, at::_grouped_mm(dy.t(), x, ends_of(frame[op.counts], op.experts, frame)));
  return true;
}

}  // namespace perfbench
