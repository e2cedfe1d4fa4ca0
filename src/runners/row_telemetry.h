// What a measured row says of its GPUs.
#pragma once

#include <span>

#include "engine/gpu/telemetry_summary.h"
#include "rows/row.h"

namespace perfbench {

// Sets throttled, sm_clock_mhz, power_w and temperature_c of summaries in the order of the GPUs, and adds a note where
// clocks were held back and one where others computed on the GPUs.
void set_telemetry(Row& row, std::span<const GpuSummary> gpus);

}  // namespace perfbench
