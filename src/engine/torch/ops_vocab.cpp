// Embedding and cross entropy. Where a vocabulary is split over tp, rank r holds rows r V to (r + 1) V.
#include <ATen/TensorOperators.h>
#include <ATen/ops/amax.h>
#include <ATen/ops/embedding.h>
#include <ATen/ops/embedding_dense_backward.h>
#include <ATen/ops/exp.h>
#include <ATen/ops/full.h>
#include <ATen/ops/gather.h>
#include <ATen/ops/log.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/sum.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros_like.h>

#include <limits>

#include "engine/torch/fused.h"
#include "engine/torch/ops.h"
#include "engine/torch/vocab_shard.h"

namespace perfbench {
namespace {

// Token ids relative to this rank's rows, and which of them are its own.
struct LocalIds {
  at::Tensor ids, mine;  // (T) int64, (T) bool; ids of others are 0
};

LocalIds local_ids(const at::Tensor& ids, std::int64_t rows, int rank) {
  const at::Tensor relative = ids - rows * rank;
  const at::Tensor mine = (relative >= 0).logical_and_(relative < rows);
  return {at::where(mine, relative, at::zeros_like(relative)), mine};
}

// A table that every rank holds whole has no rows of other ranks.
bool rows_are_split(const auto& op, const Frame& frame) {
  return frame.type(op.weight.id).placement[op.axis].is_split(0);
}

}  // namespace

void run(const Embedding& op, Frame& frame) {
  const at::Tensor& weight = frame[op.weight];
  if (!rows_are_split(op, frame)) return frame.put(op.out, at::embedding(weight, frame[op.tokens]));
  const LocalIds local = local_ids(frame[op.tokens], weight.size(0), frame.rank.over(op.axis).rank());
  frame.put(op.out, at::embedding(weight, local.ids).mul_(local.mine.unsqueeze(1)));  // (T, H)
}

void run(const EmbeddingBackward& op, Frame& frame) {
  const std::int64_t rows = frame.type(op.weight.id).shape[0];
  const int rank = rows_are_split(op, frame) ? frame.rank.over(op.axis).rank() : 0;
  const LocalIds local = local_ids(frame[op.tokens], rows, rank);
  const at::Tensor others = at::where(local.mine, local.ids, rows);  // a row that is left out
  frame.put(op.dw, at::embedding_dense_backward(frame[op.dout], others, rows, rows, false));
}

namespace {

// Of the columns that are no padding, where the chance of a padded one is 0. (T, V) float32
at::Tensor log_probabilities(at::Tensor out, const at::Tensor& real, const at::Tensor& lse) {
  const std::int64_t columns = real.size(1);
  out.narrow(1, 0, columns).copy_(real - lse.unsqueeze(1));
  out.narrow(1, columns, out.size(1) - columns).fill_(-std::numeric_limits<float>::infinity());
  return out;
}

}  // namespace

// lse = max + log(sum of exp(logits - max)); loss = weight * sum over targets of (lse - logit of the target).
void run(const CrossEntropy& op, Frame& frame) {
  if (!op.eager && fused(op, frame)) return;
  const at::Tensor& logits = frame[op.logits];
  Communicator& group = frame.rank.over(op.axis);
  const std::int64_t columns = real_columns(logits.size(1), op.vocab, group.rank());
  const at::Tensor real = logits.narrow(1, 0, columns).to(at::kFloat);  // (T, columns)
  const at::Tensor& targets = frame[op.targets];
  const LocalIds local = local_ids(targets, logits.size(1), group.rank());

  const auto options = at::TensorOptions().dtype(at::kFloat).device(logits.device());
  at::Tensor max = columns > 0 ? at::amax(real, 1)
                               : at::full({logits.size(0)}, -std::numeric_limits<float>::infinity(), options);  // (T)
  all_reduce(group, max, Reduction::max);
  const at::Tensor sum_exp = at::sum(at::exp(real - max.unsqueeze(1)), 1);  // (T)
  at::Tensor target_logit = at::zeros_like(sum_exp);
  if (columns > 0) {
    target_logit = at::gather(real, 1, local.ids.clamp(0, columns - 1).unsqueeze(1)).squeeze(1).mul_(local.mine);
  }
  at::Tensor both = at::stack({sum_exp, target_logit});  // (2, T)
  all_reduce(group, both, Reduction::sum);
  const at::Tensor lse = max + at::log(both[0]);
  const at::Tensor loss = at::sum((lse - both[1]) * (targets >= 0)).reshape({1}) * frame[op.weight];
  frame.put(op.loss, loss);
  frame.put(op.lse, op.eager ? log_probabilities(frame.make(op.lse), real, lse) : lse);
}

// dlogits = weight * (softmax - one at the target), nothing for what is no target and for padding.
void run(const CrossEntropyBackward& op, Frame& frame) {
  if (!op.eager && fused(op, frame)) return;
  const at::Tensor& logits = frame[op.logits];
  const int rank = frame.rank.over(op.axis).rank();
  const std::int64_t columns = real_columns(logits.size(1), op.vocab, rank);
  const at::Tensor& targets = frame[op.targets];
  const LocalIds local = local_ids(targets, logits.size(1), rank);

  const at::Tensor weight = frame[op.weight] * (targets >= 0);  // (T)
  const at::Tensor& kept = frame[op.lse];
  at::Tensor real =
      at::exp(op.eager ? kept.narrow(1, 0, columns) : logits.narrow(1, 0, columns).to(at::kFloat) - kept.unsqueeze(1));
  real.mul_(weight.unsqueeze(1));
  if (columns > 0) {
    const at::Tensor at_target = (weight * local.mine).neg_().unsqueeze(1);
    real.scatter_add_(1, local.ids.clamp(0, columns - 1).unsqueeze(1), at_target);
  }
  at::Tensor dlogits = frame.make(op.dlogits);
  dlogits.narrow(1, 0, columns).copy_(real);
  dlogits.narrow(1, columns, logits.size(1) - columns).zero_();
  frame.put(op.dlogits, dlogits);
}

}  // namespace perfbench
