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

// Source: NVML API reference, NvmlClocksEventReasons.
std::span<const ClockReason> clock_reasons();

// Names of the bits that are set. Bits without a name are one "unknown".
std::vector<std::string_view> clock_reason_names(std::uint64_t bits);

// Of `bits` those that hold the GPU back.
std::uint64_t throttling_bits(std::uint64_t bits);

}  // namespace perfbench
