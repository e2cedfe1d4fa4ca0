// Readings of those GPUs that a job runs on.
#pragma once

#include <span>
#include <string>

#include "engine/gpu/gpu_reading.h"
#include "engine/gpu/nvml.h"

namespace perfbench {

struct GpuWatch {
  ReadGpus read{};        // in the order of the addresses; empty: nothing can be read
  std::string missing{};  // why
};

// By PCI address ("0000:1b:00.0"), because CUDA and NVML count GPUs in orders of their own. Loads `library`, and keeps
// it as long as `read` lives.
GpuWatch watch_gpus(std::span<const std::string> pci_bus_ids, const std::string& library = kNvmlLibrary);

}  // namespace perfbench
