// What measuring needs beside the job.
#pragma once

#include <cstdint>

#include "engine/session.h"

namespace perfbench {

// Measured rows are of perfbench's own software, and on the CPU of this system.
inline constexpr const char* kMeasuredStack = "perfbench";
inline constexpr const char* kCpuSystem = "cpu";

// Steps of a slice unless given: each runs every kernel once a microbatch and layer.
inline constexpr std::int64_t kSliceSteps = 6;

struct MeasureSettings {
  Device device = Device::cuda;
  std::int64_t steps = 30;   // NeMo AutoModel, examples/benchmark/configs: warmup_steps 10, max_steps 30
  std::int64_t warmup = 10;  // the first of `steps`
  std::uint64_t seed = 1;    // of the initial weights and the mock data
  double timeout_s = 60;     // SessionSettings::timeout_s
};

}  // namespace perfbench
