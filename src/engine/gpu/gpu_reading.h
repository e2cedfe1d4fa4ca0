// What a GPU said of itself at one moment. A value that its driver did not give is unset.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace perfbench {

struct GpuReading {
  std::optional<double> sm_clock_mhz{}, power_w{}, temperature_c{};
  std::optional<std::uint64_t> clock_reasons{};            // bits of engine/gpu/clock_reasons.h
  std::optional<std::int64_t> memory_used_bytes{};         // by everybody
  std::optional<bool> power_limit_lowered{};               // somebody has set it below the one that it was sold with
  std::optional<std::vector<std::int64_t>> process_ids{};  // of those that compute on it
  std::vector<std::string> absent{};                       // why a value is unset: "nvmlDeviceGetPowerUsage: ..."
};

// What does not change while it runs.
struct GpuLimits {
  std::string name{};  // "NVIDIA H100 80GB HBM3"
  std::optional<double> sm_clock_max_mhz{};
  std::optional<double> power_limit_w{}, default_power_limit_w{};  // in force; that it was sold with
  std::optional<std::int64_t> memory_bytes{};
  std::vector<std::string> absent{};

  std::optional<bool> power_limit_lowered() const {
    if (!power_limit_w || !default_power_limit_w) return std::nullopt;
    return *power_limit_w < *default_power_limit_w;
  }
};

// One reading of each GPU that is watched, in a fixed order. Must not throw.
using ReadGpus = std::function<std::vector<GpuReading>()>;

}  // namespace perfbench
