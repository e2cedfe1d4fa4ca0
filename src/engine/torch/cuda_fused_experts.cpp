#include <ATen/ops/zeros.h>

#include "engine/torch/cuda_fused.h"
#include "engine/torch/fused.h"

namespace perfbench {
namespace {

bool is_contiguous(const at::Tensor& tensor) { return !tensor.defined() || tensor.is_contiguous(); }

}  // namespace

bool fused(const Route& op, Frame& frame) {
  const at::Tensor &logits = frame[op.logits], numbers = operand(frame, op.numbers);
  const std::int64_t tokens = logits.size(0), experts = logits.size(1);
  if (!kernels_take(logits) || !is_contiguous(numbers) || !has_route_kernel(experts, op.top_k)) return false;
  const at::Tensor choices = frame.make(op.choices), weights = frame.make(op.weights);
  launch_on(logits.device(), perfbench_route,
            RouteCall{.dtype = kernel_dtype(logits),
                      .tokens = tokens,
                      .experts = static_cast<int>(experts),
                      .top_k = static_cast<int>(op.top_k),
                      .logits = address(logits),
                      .numbers = address<const std::int64_t>(numbers),
                      .salt = op.salt + frame.chunk.first_layer,
                      .normalised = op.normalised,
                      .choices = address<std::int64_t>(choices),
                      .weights = address<float>(weights)});
  frame.put(op.choices, choices);
  frame.put(op.weights, weights);
  return true;
}

bool fused(const RouteBackward& op, Frame& frame) {
  const at::Tensor &logits = frame[op.logits], &choices = frame[op.choices], &dweights = frame[op.dweights];
  const at::Tensor numbers = operand(frame, op.numbers);
  const std::int64_t experts = logits.size(1), top_k = choices.size(1);
  if (!kernels_take(logits) || !has_route_kernel(experts, top_k)) return false;
  if (!is_contiguous(numbers) || !is_contiguous(choices) || !is_contiguous(dweights)) return false;
  const at::Tensor dlogits = frame.make(op.dlogits);
  launch_on(logits.device(), perfbench_route_backward,
            RouteBackwardCall{.dtype = kernel_dtype(logits),
                              .tokens = logits.size(0),
                              .experts = static_cast<int>(experts),
                              .top_k = static_cast<int>(top_k),
                              .logits = address(logits),
                              .numbers = address<const std::int64_t>(numbers),
                              .salt = op.salt + frame.chunk.first_layer,
                              .normalised = op.normalised,
                              .choices = address<const std::int64_t>(choices),
                              .dweights = address<const float>(dweights),
                              .dlogits = address(dlogits)});
  frame.put(op.dlogits, dlogits);
  return true;
}

bool fused(const PlaceRows& op, Frame& frame) {
  const at::Tensor &choices = frame[op.choices], weights = operand(frame, op.weights);
  if (!runs_own_kernels(choices.device()) || op.experts > kMostExperts) return false;
  if (!is_contiguous(choices) || !is_contiguous(weights)) return false;
  const at::Tensor places = frame.make(op.places);
  const at::Tensor counts =
      Frame::has(op.counts) ? frame.make(op.counts) : empty(op.experts, DType::i64, choices.device());
  const std::int64_t length = place_rows_scratch(choices.numel(), op.experts, op.capacity > 0);
  const at::Tensor scratch = empty(length, DType::i64, choices.device());
  launch_on(choices.device(), perfbench_place_rows,
            PlaceRowsCall{.choices = choices.numel(),
                          .experts = static_cast<int>(op.experts),
                          .capacity = op.capacity,
                          .experts_of = address<const std::int64_t>(choices),
                          .weights = address<const float>(weights),
                          .scratch = address<std::int64_t>(scratch),
                          .places = address<std::int64_t>(places),
                          .counts = address<std::int64_t>(counts)});
  frame.put(op.places, places);
  frame.put(op.counts, counts);
  return true;
}

bool fused(const Permute& op, Frame& frame) {
  const at::Tensor &x = frame[op.x], &places = frame[op.places], weights = operand(frame, op.weights);
  if (!kernels_take(x) || !is_contiguous(places) || !is_contiguous(weights)) return false;
  const at::Tensor rows = frame.make(op.rows);
  const at::Tensor row_weights = Frame::has(op.row_weights) ? frame.make(op.row_weights) : at::Tensor();
  const at::Tensor taken = at::zeros({op.num_rows}, x.options().dtype(at::kByte));
  launch_on(x.device(), perfbench_permute,
            PermuteCall{.dtype = kernel_dtype(x),
                        .tokens = x.size(0),
                        .width = x.size(1),
                        .num_rows = op.num_rows,
                        .top_k = static_cast<int>(places.size(1)),
                        .x = address(x),
                        .places = address<const std::int64_t>(places),
                        .weights = address<const float>(weights),
                        .rows = address(rows),
                        .row_weights = address<float>(row_weights),
                        .taken = address<std::uint8_t>(taken)});
  frame.put(op.rows, rows);
  frame.put(op.row_weights, row_weights);
  return true;
}

bool fused(const Unpermute& op, Frame& frame) {
  const at::Tensor &rows = frame[op.rows], &places = frame[op.places];
  const at::Tensor row_weights = operand(frame, op.row_weights);
  if (!kernels_take(rows) || !is_contiguous(places) || !is_contiguous(row_weights)) return false;
  const at::Tensor y = frame.make(op.y);
  const at::Tensor weights = Frame::has(op.weights) ? frame.make(op.weights) : at::Tensor();
  launch_on(rows.device(), perfbench_unpermute,
            UnpermuteCall{.dtype = kernel_dtype(rows),
                          .tokens = places.size(0),
                          .width = rows.size(1),
                          .top_k = static_cast<int>(places.size(1)),
                          .rows = address(rows),
                          .places = address<const std::int64_t>(places),
                          .row_weights = address<const float>(row_weights),
                          .y = address(y),
                          .weights = address<float>(weights)});
  frame.put(op.y, y);
  frame.put(op.weights, weights);
  return true;
}

}  // namespace perfbench
