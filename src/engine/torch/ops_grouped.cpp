// Products of each expert's rows with its own matrix, one after the other. Letters: R rows, e experts, N and K a
// product's dims.
#include <ATen/ops/mm.h>
#include <ATen/ops/zeros_like.h>

#include <functional>

#include "base/error.h"
#include "engine/torch/fused.h"
#include "engine/torch/ops.h"
#include "engine/torch/weight_grad.h"

namespace perfbench {
namespace {

// Calls `each` with every expert that has rows, the first of them, and how many.
void for_each_expert(In counts, std::int64_t rows, std::int64_t experts, Frame& frame,
                     const std::function<void(std::int64_t expert, std::int64_t first, std::int64_t rows)>& each) {
  if (!frame.rank.device.is_cpu() && experts > 1) {
    frame.rank.remark("products of experts run one after the other where at::_grouped_mm does not take them");
  }
  const std::vector<std::int64_t> parts =
      Frame::has(counts) ? frame.expert_rows.at(counts.id).by_expert : equal_parts(rows, experts);
  check(std::ssize(parts) == experts, "experts: counts of others than those that the weight holds");
  std::int64_t first = 0;
  for (std::int64_t expert = 0; expert < experts; ++expert) {
    const std::int64_t own = parts[static_cast<std::size_t>(expert)];
    if (own > 0) each(expert, first, own);
    first += own;
  }
  check(first == rows, "experts: other rows than were counted");
}

}  // namespace

void run(const GroupedMatmul& op, Frame& frame) {
  if (fused(op, frame)) return;
  const at::Tensor &a = frame[op.a], &b = frame[op.b];
  const at::Tensor right = op.transpose_b ? b.transpose(1, 2) : b;  // (e, K, N)
  at::Tensor out = frame.make(op.out, a.size(0));
  for_each_expert(op.counts, a.size(0), b.size(0), frame,
                  [&](std::int64_t expert, std::int64_t first, std::int64_t rows) {
                    at::Tensor part = out.narrow(0, first, rows);
                    at::mm_out(part, a.narrow(0, first, rows), right.select(0, expert));
                  });
  frame.put(op.out, out);
}

void run(const GroupedWeightGrad& op, Frame& frame) {
  if (fused(op, frame)) return;
  const at::Tensor &dy = frame[op.dy], &x = frame[op.x];
  const at::Tensor dw = frame.make(op.dw).zero_();  // (e, N, K); experts without rows get no gradient
  for_each_expert(op.counts, dy.size(0), op.experts, frame,
                  [&](std::int64_t expert, std::int64_t first, std::int64_t rows) {
                    at::Tensor part = dw.select(0, expert);
                    at::mm_out(part, dy.narrow(0, first, rows).t(), x.narrow(0, first, rows));
                  });
  frame.put(op.dw, dw);
}

void run(const GroupedWeightGradAccumulate& op, Frame& frame) {
  const at::Tensor &dy = frame[op.dy], &x = frame[op.x], &main_grad = frame[op.main_grad];
  for_each_expert(op.counts, dy.size(0), main_grad.size(0), frame,
                  [&](std::int64_t expert, std::int64_t first, std::int64_t rows) {
                    add_weight_grad(main_grad.select(0, expert), dy.narrow(0, first, rows), x.narrow(0, first, rows));
                  });
}

}  // namespace perfbench
