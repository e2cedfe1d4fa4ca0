// The smallest change with which a job that does not fit its GPU fits.
#pragma once

#include <optional>
#include <string>

#include "job/job.h"

namespace perfbench {

struct FittingChange {
  Job job;
  std::string flags;  // "-mb 1"
  double peak_memory_bytes = 0.0;
};

// Tries, in this order, what changes least of how the job computes: a smaller microbatch, recomputation of parts of
// every layer, then of as few whole layers as will do, a larger tp, pp or cp, FSDP, and as few offloaded layers as will
// do; last, all layers recomputed and one sample a microbatch under a larger layout. The first that keeps every rule
// and whose planned memory fits. Unset: none does, or the GPU's memory is not known.
std::optional<FittingChange> fitting_change(const Job& job);

}  // namespace perfbench
