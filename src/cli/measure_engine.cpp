// The real parts of measuring.
#include "base/host_memory.h"
#include "cli/measure_row.h"

namespace perfbench {

MeasureParts engine_parts() {
  return {.open = [](const Job& job, const JobPrograms& programs,
                     const SessionSettings& settings) { return open_session(job, programs, settings); },
          .batch = mock_batch,
          .available_bytes = [] { return available_memory_bytes(); },
          .step_done = {}};
}

}  // namespace perfbench
