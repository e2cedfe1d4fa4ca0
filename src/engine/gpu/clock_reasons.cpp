#include "engine/gpu/clock_reasons.h"

#include <array>

namespace perfbench {
namespace {

constexpr std::array kReasons{
    ClockReason{0x1, "gpu_idle", false},
    ClockReason{0x2, "applications_clocks_setting", false},
    ClockReason{kPowerCapped, "sw_power_cap", false},
    ClockReason{0x8, "hw_slowdown", true},
    ClockReason{0x10, "sync_boost", true},
    ClockReason{0x20, "sw_thermal", true},
    ClockReason{0x40, "hw_thermal", true},
    ClockReason{0x80, "hw_power_brake", true},
    ClockReason{0x100, "display_clock", false},
};

}  // namespace

std::span<const ClockReason> clock_reasons() { return kReasons; }

std::vector<std::string_view> clock_reason_names(std::uint64_t bits) {
  std::vector<std::string_view> names;
  for (const ClockReason& reason : kReasons) {
    if ((bits & reason.bit) != 0) names.push_back(reason.name);
    bits &= ~reason.bit;
  }
  if (bits != 0) names.emplace_back("unknown");
  return names;
}

}  // namespace perfbench
