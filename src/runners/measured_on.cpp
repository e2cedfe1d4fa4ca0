#include "runners/measured_on.h"

#include "engine/gpu/nvml.h"
#include "rows/run_record.h"
#include "runners/measure_settings.h"

namespace perfbench {

MeasuredOn measured_on(Device device, const EngineReport& report, const Catalog& catalog) {
  MeasuredOn on{.date = utc_now(), .versions = {{"perfbench", PERFBENCH_VERSION}}};
  if (report.libtorch.present()) on.versions.emplace_back("libtorch", report.libtorch.version);
  if (device == Device::cpu) {
    on.system = kCpuSystem;
    on.device = "CPU";
    return on;
  }
  on.device = report.devices.front().name;
  if (const std::optional<SystemSpec> system = catalog.system_of_device(on.device)) on.system = system->name;
  on.driver = Nvml().part().version;
  on.versions.emplace_back("cuda", report.cuda.version);
  return on;
}

void set_clocks(MeasuredOn& on, std::span<const GpuSummary> gpus) {
  if (gpus.empty()) return;
  const GpuSummary& gpu = gpus.front();
  on.sm_clock_mhz = gpu.sm_clock_median_mhz;
  if (gpu.throttled_share) on.throttled = *gpu.throttled_share > 0.0;
  for (const ReasonShare& reason : gpu.throttle_reasons) on.throttle_reasons.emplace_back(reason.name);
}

}  // namespace perfbench
