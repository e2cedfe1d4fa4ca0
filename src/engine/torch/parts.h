// The parts of the engine's report that CMake picks a unit for: cuda.cpp or no_cuda.cpp, nccl.cpp or no_nccl.cpp.
#pragma once

#include <vector>

#include "engine/abi.h"

namespace perfbench {

// Texts live until the process ends.
EngineAbiPart cuda_part();
EngineAbiPart nccl_part();

// Visible CUDA devices; none where cuda_part() is missing.
std::vector<EngineAbiDevice> cuda_devices();

// What this engine's kernels were built for, "90a,100a"; null: not known, or there are none.
const char* cuda_architectures();

}  // namespace perfbench
