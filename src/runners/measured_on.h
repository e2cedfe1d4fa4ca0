// Which device measures, for the file of its kernels.
#pragma once

#include <span>

#include "cost/kernel_table.h"
#include "engine/engine.h"
#include "engine/gpu/telemetry_summary.h"
#include "engine/session.h"
#include "job/catalog.h"

namespace perfbench {

// The first visible device, or the CPU, with the versions of what runs on it. Clocks and throttling stay unset. On CUDA
// there must be a device.
MeasuredOn measured_on(Device device, const EngineReport& report, const Catalog& catalog);

// The clock and the throttling of the first GPU, as far as they were read.
void set_clocks(MeasuredOn& on, std::span<const GpuSummary> gpus);

}  // namespace perfbench
