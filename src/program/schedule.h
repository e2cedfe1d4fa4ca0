// Which chunk of which microbatch a pipeline stage runs when: 1F1B, plain or interleaved.
#pragma once

#include <cstddef>
#include <cstdint>

namespace perfbench {

struct Job;

struct Slot {
  int chunk = 0;       // 0 .. vp-1, of the stage
  int microbatch = 0;  // 0 .. flushes * microbatches - 1, over the whole global step
  bool backward = false;
  bool operator==(const Slot&) const = default;
};

struct PipelineShape {
  int pp = 1, vp = 1;
  int microbatches = 1;  // per flush; with vp > 1 a multiple of pp
  int flushes = 1;       // per global step; the pipeline drains after each

  std::int64_t step_microbatches() const { return std::int64_t{microbatches} * flushes; }
};

PipelineShape pipeline_shape(const Job& job);

// The slots of one stage in order, each worked out when it is asked for. With vp > 1 microbatches go in groups of pp
// through all chunks (Narayanan et al. 2021, "Efficient Large-Scale Language Model Training on GPU Clusters", section
// 2.2).
class Schedule {
 public:
  // Throws std::logic_error on a shape that a Job would have refused.
  Schedule(const PipelineShape& shape, int stage);

  std::size_t size() const { return static_cast<std::size_t>(flush_size() * shape_.flushes); }

  Slot operator[](std::size_t index) const {
    std::int64_t i = static_cast<std::int64_t>(index), flush = 0;
    if (i >= flush_size()) {
      flush = i / flush_size();
      i %= flush_size();
    }
    const std::int64_t in_turn = i - warmup_;
    if (in_turn < 0) return pass(flush, i, false);
    if (in_turn >= 2 * (passes_ - warmup_)) return pass(flush, i - passes_, true);
    return in_turn % 2 == 0 ? pass(flush, warmup_ + in_turn / 2, false) : pass(flush, in_turn / 2, true);
  }

  std::int64_t flush_size() const { return 2 * passes_; }  // slots
  // Forwards before the first backward; then a forward and a backward take turns, as long as there are forwards.
  std::int64_t warmup() const { return warmup_; }
  // Forwards, or backwards, after which the chunks come round again.
  std::int64_t cycle() const { return shape_.vp == 1 ? 1 : std::int64_t{shape_.pp} * shape_.vp; }

 private:
  // The i-th forward, or backward, of a flush: pp microbatches go through vp chunks before the next pp do.
  Slot pass(std::int64_t flush, std::int64_t i, bool backward) const {
    const auto first = static_cast<int>(flush * shape_.microbatches);
    if (shape_.vp == 1) return {.chunk = 0, .microbatch = first + static_cast<int>(i), .backward = backward};
    const auto group = static_cast<int>(i / cycle()), place = static_cast<int>(i % cycle());
    const int chunk = place / shape_.pp;
    return {.chunk = backward ? shape_.vp - 1 - chunk : chunk,
            .microbatch = first + group * shape_.pp + place % shape_.pp,
            .backward = backward};
  }

  PipelineShape shape_;
  std::int64_t passes_ = 0;  // forwards of a flush; as many backwards
  std::int64_t warmup_ = 0;
};

// Passes of microbatches through a chunk that a stage holds at most, between their forward and their backward.
std::int64_t most_in_flight(const PipelineShape& shape);

// The least of such steps: it goes through the same slots, in turn and side by side, but not as often.
PipelineShape shortest_alike(const PipelineShape& shape);

}  // namespace perfbench
