// What this machine's GPUs say of themselves now, for `perfbench doctor`.
#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "engine/engine.h"
#include "engine/gpu/gpu_reading.h"
#include "engine/gpu/nvml.h"

namespace perfbench {

struct GpuState {
  GpuLimits limits{};
  GpuReading reading{};
};

struct GpuStates {
  EnginePart nvml{};
  std::vector<GpuState> gpus{};  // CUDA's devices in their order; where there are none, all that NVML knows
};

GpuStates gpu_states(const EngineReport& report, const std::string& library = kNvmlLibrary);

// One line: "NVIDIA H200, SM clock 1755 of 1980 MHz, ..."; what is not known is left out.
std::string state_text(const GpuState& gpu);
Json state_json(const GpuState& gpu);

}  // namespace perfbench
