#include "cli/gpu_telemetry.h"

#include <unistd.h>

#include <utility>

namespace perfbench {

GpuWatch watch_devices(const EngineReport& report, std::int64_t count) {
  std::vector<std::string> ids;
  for (const CudaDevice& device : report.devices)
    if (std::ssize(ids) < count) ids.push_back(device.pci_bus_id);
  return watch_gpus(ids);
}

GpuTelemetry::GpuTelemetry(GpuWatch watch, double period_s) : missing_(std::move(watch.missing)) {
  if (watch.read) sampler_.emplace(std::move(watch.read), period_s);
}

void GpuTelemetry::begin_window() { window_s_ = sampler_ ? sampler_->seconds() : 0.0; }

void GpuTelemetry::stop() {
  if (sampler_) samples_ = sampler_->stop();
}

std::vector<GpuSummary> GpuTelemetry::summaries() const { return summarize(samples_, window_s_, getpid()); }

}  // namespace perfbench
