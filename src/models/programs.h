// The Plan of a job: one loop over the layers of a chunk, whatever the model.
#pragma once

#include "job/job.h"
#include "program/plan.h"

namespace perfbench {

// Forward, backward and all passes of one chunk.
Program build_chunk(const Job& job, const ChunkLayers& chunk);

// One Program for all chunks whose layers are of the same kinds in the same order. Throws Unsupported with the first
// feature of the job that is missing() (missing.h), and ProgramError when a Program fails its checks.
Plan build_plan(const Job& job);

}  // namespace perfbench
