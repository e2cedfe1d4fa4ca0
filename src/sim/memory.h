// Peak memory of each pipeline stage, by replaying its schedule.
#pragma once

#include <vector>

#include "program/plan.h"

namespace perfbench {

// Bytes on one rank of a stage at its peak.
struct StageMemoryBytes {
  double parameters = 0.0;   // weights or shares of them, and their copies in FP8
  double gradients = 0.0;    // main gradients, and what the stack's fused weight gradients leave behind
  double optimizer = 0.0;    // master weights and moments, this rank's share
  double activations = 0.0;  // saved by microbatches between forward and backward
  double workspace = 0.0;    // live inside the slot that peaks, beyond what is saved
  // Beside what the Programs need, by the stack's constants.
  double context = 0.0;        // CUDA context, loaded kernels, library workspaces
  double communicators = 0.0;  // NCCL's buffers, of all groups over which the rank moves something
  double fragmentation = 0.0;  // of activations and workspace: what the allocator holds and cannot give out

  double planned() const { return parameters + gradients + optimizer + activations + workspace; }
  double total() const { return planned() + context + communicators + fragmentation; }
};

std::vector<StageMemoryBytes> replay_memory(const Plan& plan);

}  // namespace perfbench
