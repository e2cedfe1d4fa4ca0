#include "engine/gpu/throttling.h"

#include "engine/gpu/clock_reasons.h"

namespace perfbench {
namespace {

constexpr std::string_view kLoweredPowerLimit = "lowered_power_limit";

}  // namespace

std::vector<std::string_view> throttle_reason_names() {
  std::vector<std::string_view> names;
  for (const ClockReason& reason : clock_reasons())
    if (reason.throttles) names.push_back(reason.name);
  names.push_back(kLoweredPowerLimit);
  return names;
}

std::optional<std::vector<std::string_view>> throttle_reasons(const GpuReading& reading) {
  if (!reading.clock_reasons) return std::nullopt;
  std::vector<std::string_view> names;
  for (const ClockReason& reason : clock_reasons())
    if (reason.throttles && (*reading.clock_reasons & reason.bit) != 0) names.push_back(reason.name);
  if (*is_power_capped(reading) && reading.power_limit_lowered.value_or(false)) names.push_back(kLoweredPowerLimit);
  return names;
}

std::optional<bool> is_power_capped(const GpuReading& reading) {
  if (!reading.clock_reasons) return std::nullopt;
  return (*reading.clock_reasons & kPowerCapped) != 0;
}

}  // namespace perfbench
