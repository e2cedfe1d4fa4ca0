// Which chunk of which microbatch a pipeline stage runs when: 1F1B, plain or interleaved.
#pragma once

#include <vector>

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
};

PipelineShape pipeline_shape(const Job& job);

// The slots of one stage in order. With vp > 1 microbatches go in groups of pp through all chunks (Narayanan et al.
// 2021, "Efficient Large-Scale Language Model Training on GPU Clusters", section 2.2). Throws std::logic_error on a
// shape that a Job would have refused.
std::vector<Slot> schedule(const PipelineShape& shape, int stage);

}  // namespace perfbench
