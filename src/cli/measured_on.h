// Which device measures, for the file of its kernels.
#pragma once

#include <string>
#include <vector>

#include "cost/kernel_table.h"
#include "engine/engine.h"
#include "engine/session.h"

namespace perfbench {

// The system whose name is a word of a device's name: "NVIDIA H100 80GB HBM3" is h100; "" where none is.
std::string system_of_device(const std::string& device, const std::vector<std::string>& systems);

// The first visible device, or the CPU, with the versions of what runs on it. Clocks and throttling stay unset.
// Throws EnvironmentError where no CUDA device is visible.
MeasuredOn measured_on(Device device, const EngineReport& report, const std::vector<std::string>& systems);

}  // namespace perfbench
