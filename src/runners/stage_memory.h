// A stage's planned memory as entries of a row.
#pragma once

#include <vector>

#include "rows/row.h"
#include "sim/memory.h"

namespace perfbench {

// One entry a category, in the order of StageMemoryBytes: what the Programs need, and what a system holds beside it.
std::vector<StageMemory> planned_memory(int stage, const StageMemoryBytes& bytes);
std::vector<StageMemory> reserved_memory(int stage, const StageMemoryBytes& bytes);

}  // namespace perfbench
