#include <ATen/ops/empty.h>

#include "engine/torch/cuda_fused.h"
#include "engine/torch/fused.h"
#include "engine/torch/vocab_shard.h"

namespace perfbench {
namespace {

at::Tensor floats(const Frame& frame, Out out, std::int64_t elements) {
  return Frame::has(out) ? frame.make(out) : empty(elements, DType::f32, frame.rank.device);
}

}  // namespace

// Each rank reads its logits once, for its own maximum; the sums then move to the maximum of all ranks.
bool fused(const CrossEntropy& op, Frame& frame) {
  const at::Tensor &logits = frame[op.logits], &targets = frame[op.targets];
  if (!kernels_take(logits) || !targets.is_contiguous()) return false;
  Communicator& group = frame.rank.over(op.axis);
  const std::int64_t rows = logits.size(0), columns = logits.size(1);
  at::Tensor max = empty(rows, DType::f32, logits.device()), sums = empty(2 * rows, DType::f32, logits.device());
  launch_on(logits.device(), perfbench_cross_entropy,
            CrossEntropyCall{.dtype = kernel_dtype(logits),
                             .rows = rows,
                             .columns = columns,
                             .real_columns = real_columns(columns, op.vocab, group.rank()),
                             .first_column = columns * group.rank(),
                             .logits = address(logits),
                             .targets = address<const std::int64_t>(targets),
                             .max = address<float>(max),
                             .sums = address<float>(sums)});
  if (group.size() > 1) {
    const at::Tensor own_max = max.clone();
    all_reduce(group, max, Reduction::max);
    launch_on(logits.device(), perfbench_cross_entropy_rescale,
              CrossEntropyRescaleCall{.rows = rows,
                                      .own_max = address<const float>(own_max),
                                      .max = address<const float>(max),
                                      .sums = address<float>(sums)});
    all_reduce(group, sums, Reduction::sum);
  }
  const at::Tensor lse = floats(frame, op.lse, rows), loss = floats(frame, op.loss, 1);
  launch_on(logits.device(), perfbench_cross_entropy_loss,
            CrossEntropyLossCall{.rows = rows,
                                 .max = address<const float>(max),
                                 .sums = address<const float>(sums),
                                 .targets = address<const std::int64_t>(targets),
                                 .weight = address<const float>(frame[op.weight]),
                                 .lse = address<float>(lse),
                                 .loss = address<float>(loss)});
  frame.put(op.loss, loss);
  frame.put(op.lse, lse);
  return true;
}

bool fused(const CrossEntropyBackward& op, Frame& frame) {
  const at::Tensor &logits = frame[op.logits], &targets = frame[op.targets];
  if (!kernels_take(logits) || !targets.is_contiguous()) return false;
  const int rank = frame.rank.over(op.axis).rank();
  const std::int64_t columns = logits.size(1);
  const at::Tensor dlogits = frame.make(op.dlogits);
  launch_on(logits.device(), perfbench_cross_entropy_backward,
            CrossEntropyBackwardCall{.dtype = kernel_dtype(logits),
                                     .rows = logits.size(0),
                                     .columns = columns,
                                     .real_columns = real_columns(columns, op.vocab, rank),
                                     .first_column = columns * rank,
                                     .logits = address(logits),
                                     .targets = address<const std::int64_t>(targets),
                                     .weight = address<const float>(frame[op.weight]),
                                     .lse = address<const float>(frame[op.lse]),
                                     .dlogits = address(dlogits)});
  frame.put(op.dlogits, dlogits);
  return true;
}

}  // namespace perfbench
