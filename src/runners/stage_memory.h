// A stage's planned memory as entries of a row.
#pragma once

#include <vector>

#include "rows/row.h"
#include "sim/memory.h"

namespace perfbench {

// One entry a category, in the order of StageMemoryBytes, without what a system reserves.
std::vector<StageMemory> planned_memory(int stage, const StageMemoryBytes& bytes);

}  // namespace perfbench
