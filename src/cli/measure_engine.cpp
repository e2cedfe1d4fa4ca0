// The real parts of measuring.
#include "base/host_memory.h"
#include "cli/gpu_telemetry.h"
#include "cli/measure_row.h"

namespace perfbench {

MeasureParts engine_parts(Device device) {
  MeasureParts parts{.open = [](const Job& job, const JobPrograms& programs,
                                const SessionSettings& settings) { return open_session(job, programs, settings); },
                     .batch = mock_batch,
                     .available_bytes = [] { return available_memory_bytes(); },
                     .step_done = {}};
  if (device == Device::cpu) return parts;
  parts.machine = [] { return engine_report(); };
  parts.watch = [](const Job& job, const EngineReport& report) { return watch_devices(report, job.num_gpus); };
  return parts;
}

}  // namespace perfbench
