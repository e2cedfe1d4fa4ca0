// Peak memory of each pipeline stage, by replaying its schedule.
#pragma once

#include <vector>

#include "program/plan.h"

namespace perfbench {

// Bytes on one rank of a stage at its peak.
struct StageMemoryBytes {
  double parameters = 0.0;   // weights or shares of them, and their copies in FP8
  double gradients = 0.0;    // main gradients
  double optimizer = 0.0;    // master weights and moments, this rank's share
  double activations = 0.0;  // saved by microbatches between forward and backward
  double workspace = 0.0;    // live inside the slot that peaks, beyond what is saved
  double reserved = 0.0;     // CUDA context, NCCL buffers, allocator slack: the stack's constant
  double total() const { return parameters + gradients + optimizer + activations + workspace + reserved; }
};

std::vector<StageMemoryBytes> replay_memory(const Plan& plan);

}  // namespace perfbench
