// What held a GPU back at one moment.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "engine/gpu/gpu_reading.h"

namespace perfbench {

// The reasons of engine/gpu/clock_reasons.h that throttle, in the order of their bits. The last is
// "lowered_power_limit": the GPU draws all that its power limit grants, and somebody has set that limit below the one
// it was sold with.
std::vector<std::string_view> throttle_reason_names();

// Those of a reading, in that order; unset where it has no clock reasons.
std::optional<std::vector<std::string_view>> throttle_reasons(const GpuReading& reading);

// Whether it draws all that its power limit grants, whatever that is; unset as above.
std::optional<bool> is_power_capped(const GpuReading& reading);

}  // namespace perfbench
