// Batches made from a seed and a place alone: the same on every layout, machine and build.
#pragma once

#include <cstdint>

#include "engine/session.h"
#include "job/job.h"

namespace perfbench {

// Tokens that depend on the seed, the step and their place alone, not on the layout. Every target counts, but for those
// of the last tokens of a packed job's sub-sequences.
Batch mock_batch(const Job& job, std::uint64_t seed, std::int64_t step);

}  // namespace perfbench
