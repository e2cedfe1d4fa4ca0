// What is checked before the engine runs a job, and what becomes of a run that breaks off.
#pragma once

#include <cstdint>
#include <functional>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "engine/engine.h"
#include "job/job.h"
#include "rows/row.h"
#include "sim/memory.h"

namespace perfbench {

// The engine runs one stack, and offloads nothing. Throws Unsupported for a job that asks for more.
void require_engine_job(const Job& job, std::string_view mode);

// Throws for GPUs that cannot run `num_ranks` ranks of a job for the system: EnvironmentError where it must fit, else
// Unsupported.
void require_devices(const SystemSpec& system, std::int64_t num_ranks, const EngineReport& report, bool must_fit);

// Sets status oom where the ranks of these stages, so many of each, don't fit into the machine together.
bool fits_host(Row& row, const std::vector<StageMemoryBytes>& stages, int stage_ranks,
               const std::optional<std::int64_t>& available);

// Sets status oom where a rank of these stages is too large for one of the first `num_ranks` GPUs; throws
// EnvironmentError where it must fit.
bool fits_devices(Row& row, const std::vector<StageMemoryBytes>& stages, std::int64_t num_ranks,
                  const EngineReport& report, bool must_fit);

// Why a run did not begin, or did not come to its end.
struct BrokenOff {
  Status status = Status::failed;
  std::string feature{}, reason{};
};

// oom where memory ran out, timeout where a rank hangs, else failed.
BrokenOff broken_off(const RunError& error);
BrokenOff broken_off(const std::bad_alloc& error);  // oom
// interrupted before step `next` of `steps`, where `stopped_by` names what ends the run (MeasureParts).
std::optional<BrokenOff> interrupted(const std::function<std::string()>& stopped_by, std::int64_t next,
                                     std::int64_t steps);
void set_broken_off(Row& row, const BrokenOff& why);
// A note where the engine hangs in this process.
void note_threads_left_behind(Row& row);

}  // namespace perfbench
