// The real parts of measuring.
#include "base/host_memory.h"
#include "engine/mock_data.h"
#include "runners/measure_row.h"
#include "runners/stop_signal.h"

namespace perfbench {

namespace {

GpuWatch watch_of(const Job& job, const EngineReport& report) {
  std::vector<std::string> ids;
  for (const CudaDevice& device : report.devices)
    if (std::ssize(ids) < job.num_gpus) ids.push_back(device.pci_bus_id);
  return watch_gpus(ids);
}

}  // namespace

MeasureParts engine_parts(Device device) {
  MeasureParts parts{.open = [](const Job& job, const JobPrograms& programs,
                                const SessionSettings& settings) { return open_session(job, programs, settings); },
                     .batch = mock_batch,
                     .available_bytes = [] { return available_memory_bytes(); },
                     .step_done = {},
                     .stopped_by = stop_signal_name};
  if (device == Device::cpu) return parts;
  parts.machine = [] { return engine_report(); };
  parts.watch = watch_of;
  return parts;
}

}  // namespace perfbench
