// One decoder loop over the model's layer pattern: no builder per model name.
#pragma once

#include "job/job.h"
#include "program/plan.h"

namespace perfbench {

// Throws Unsupported with the first feature of the job that has no Program yet.
void require_programs(const Job& job);

// Forward, backward and all passes of one chunk.
Program build_chunk(const Job& job, const ChunkLayers& chunk);

// Throws Unsupported as above, and ProgramError when a Program fails its checks.
Plan build_plan(const Job& job);

}  // namespace perfbench
