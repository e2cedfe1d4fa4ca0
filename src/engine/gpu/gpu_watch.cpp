#include "engine/gpu/gpu_watch.h"

#include <fmt/format.h>

#include <memory>
#include <utility>

namespace perfbench {

GpuWatch watch_gpus(std::span<const std::string> pci_bus_ids, const std::string& library) {
  const auto nvml = std::make_shared<Nvml>(library);
  if (!nvml->part().present()) return {.missing = nvml->part().missing};
  struct Watched {
    NvmlGpu gpu;
    std::optional<bool> power_limit_lowered;
  };
  std::vector<Watched> gpus;
  for (const std::string& id : pci_bus_ids) {
    const std::optional<NvmlGpu> gpu = nvml->by_pci_bus_id(id);
    if (!gpu) return {.missing = fmt::format("NVML knows no GPU at PCI address \"{}\"", id)};
    gpus.push_back({.gpu = *gpu, .power_limit_lowered = nvml->limits(*gpu).power_limit_lowered()});
  }
  return {.read = [nvml, gpus = std::move(gpus)] {
    std::vector<GpuReading> readings;
    for (const Watched& watched : gpus) {
      readings.push_back(nvml->read(watched.gpu));
      readings.back().power_limit_lowered = watched.power_limit_lowered;
    }
    return readings;
  }};
}

}  // namespace perfbench
