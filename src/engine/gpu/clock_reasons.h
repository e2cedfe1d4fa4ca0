// Why a GPU's clock is not higher, as NVML's nvmlClocksEventReasons has it: one bit each.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace perfbench {

struct ClockReason {
  std::uint64_t bit;
  std::string_view name;  // as nvidia-smi calls it, in lower case
  bool throttles;         // it holds back a GPU that has work; being idle or set to a clock does not
};

// The GPU draws all that its power limit grants. That alone is no throttling: at the limit that it was sold with, long
// products in BF16 and FP8 run so on every machine.
inline constexpr std::uint64_t kPowerCapped = 0x4;

// Source: NVML API reference, NvmlClocksEventReasons.
std::span<const ClockReason> clock_reasons();

// Names of the bits that are set. Bits without a name are one "unknown".
std::vector<std::string_view> clock_reason_names(std::uint64_t bits);

}  // namespace perfbench
