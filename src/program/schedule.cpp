#include "program/schedule.h"

#include <algorithm>

#include "base/error.h"
#include "job/job.h"

namespace perfbench {

PipelineShape pipeline_shape(const Job& job) {
  return {.pp = job.layout.pp, .vp = job.layout.vp, .microbatches = job.num_microbatches, .flushes = job.num_flushes};
}

// The interleaved schedule runs twice as far ahead, so that sends overlap.
Schedule::Schedule(const PipelineShape& shape, int stage)
    : shape_(shape), passes_(std::int64_t{shape.microbatches} * shape.vp) {
  check(shape.vp == 1 || (shape.pp > 1 && shape.microbatches % shape.pp == 0),
        "schedule: interleaving needs pp > 1 and microbatches in multiples of pp");
  const std::int64_t behind = shape.pp - 1 - stage;
  const std::int64_t ahead = shape.vp == 1 ? behind : 2 * behind + std::int64_t{shape.vp - 1} * shape.pp;
  warmup_ = std::min(ahead, passes_);
}

std::int64_t most_in_flight(const PipelineShape& shape) {
  const Schedule first(shape, 0);
  return std::min(first.warmup() + 1, first.flush_size() / 2);
}

// A whole warm-up, a turn of every chunk, and the same remainder of microbatches; of flushes the last and another.
PipelineShape shortest_alike(const PipelineShape& shape) {
  const std::int64_t pp = shape.pp, turns = Schedule(shape, 0).warmup() / shape.vp + 1 + pp;
  const std::int64_t spare = std::max<std::int64_t>(shape.microbatches - turns, 0) / pp * pp;
  PipelineShape shortest = shape;
  shortest.microbatches -= static_cast<int>(spare);
  shortest.flushes = std::min(shape.flushes, 2);
  return shortest;
}

}  // namespace perfbench
