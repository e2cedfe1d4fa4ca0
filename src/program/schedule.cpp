#include "program/schedule.h"

#include <algorithm>

#include "base/error.h"
#include "spec/job.h"

namespace perfbench {
namespace {

// The i-th forward (or backward) of a stage within a flush.
Slot nth(const PipelineShape& shape, int i, bool backward) {
  const int group = shape.pp * shape.vp;  // pp microbatches through vp chunks
  const int chunk = (i % group) / shape.pp;
  const int microbatch = shape.vp == 1 ? i : (i / group) * shape.pp + i % shape.pp;
  return {.chunk = backward ? shape.vp - 1 - chunk : chunk, .microbatch = microbatch, .backward = backward};
}

// Forwards before the first backward. The interleaved schedule runs twice as far ahead, so that sends overlap.
int warmup(const PipelineShape& shape, int stage) {
  const int total = shape.microbatches * shape.vp;
  const int ahead = shape.pp - 1 - stage;
  if (shape.vp == 1) return std::min(ahead, total);
  return std::min(2 * ahead + (shape.vp - 1) * shape.pp, total);
}

}  // namespace

PipelineShape pipeline_shape(const Job& job) {
  return {.pp = job.layout.pp, .vp = job.layout.vp, .microbatches = job.num_microbatches, .flushes = job.num_flushes};
}

std::vector<Slot> schedule(const PipelineShape& shape, int stage) {
  check(shape.vp == 1 || (shape.pp > 1 && shape.microbatches % shape.pp == 0),
        "schedule: interleaving needs pp > 1 and microbatches in multiples of pp");
  const int total = shape.microbatches * shape.vp;
  const int ahead = warmup(shape, stage);
  std::vector<Slot> slots;
  slots.reserve(std::size_t{2} * static_cast<std::size_t>(total) * static_cast<std::size_t>(shape.flushes));
  for (int flush = 0; flush < shape.flushes; ++flush) {
    auto push = [&](Slot slot) {
      slot.microbatch += flush * shape.microbatches;
      slots.push_back(slot);
    };
    for (int i = 0; i < ahead; ++i) push(nth(shape, i, false));
    for (int i = ahead; i < total; ++i) {
      push(nth(shape, i, false));
      push(nth(shape, i - ahead, true));
    }
    for (int i = total - ahead; i < total; ++i) push(nth(shape, i, true));
  }
  return slots;
}

}  // namespace perfbench
