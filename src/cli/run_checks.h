// What is checked before the engine runs a job, and what becomes of a run that breaks off.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "engine/engine.h"
#include "rows/row.h"
#include "sim/memory.h"
#include "spec/job.h"

namespace perfbench {

// The engine runs one stack. Throws Unsupported for another.
void require_own_stack(const Job& job, std::string_view mode);

// Throws for GPUs that cannot run `num_ranks` ranks of a job for the system: EnvironmentError where it must fit, else
// Unsupported.
void require_devices(const SystemSpec& system, std::int64_t num_ranks, const EngineReport& report, bool must_fit);

void set_oom(Row& row, std::string feature, std::string reason);

// Sets status oom where the ranks don't fit into the machine together.
bool fits_host(Row& row, const Job& job, const std::vector<StageMemoryBytes>& stages,
               const std::optional<std::int64_t>& available);

// Sets status oom where a rank of these stages is too large for one of the first `num_ranks` GPUs; throws
// EnvironmentError where it must fit.
bool fits_devices(Row& row, const std::vector<StageMemoryBytes>& stages, std::int64_t num_ranks,
                  const EngineReport& report, bool must_fit);

// Of a run that broke off: oom where the device's memory ran out, else failed.
void set_failed(Row& row, const RunError& error);

}  // namespace perfbench
