#include "runners/run_checks.h"

#include <fmt/format.h>
#include <sys/resource.h>

#include <span>
#include <utility>

#include "base/host_memory.h"
#include "base/units.h"
#include "engine/worker.h"
#include "runners/machine_check.h"
#include "runners/machine_fit.h"
#include "runners/measure_settings.h"

namespace perfbench {
namespace {

std::string reason_of(const Problem& problem) {
  return problem.where.empty() ? problem.what : fmt::format("{}: {}", problem.where, problem.what);
}

double gib(double bytes) { return bytes / kGiB; }

}  // namespace

void require_engine_job(const Job& job, std::string_view mode) {
  if (job.stack.name != kMeasuredStack)
    throw Unsupported("stack " + job.stack.name, fmt::format("--mode {} runs stack {}; stack {} is only simulated",
                                                             mode, kMeasuredStack, job.stack.name));
  if (job.offload_layers > 0)
    throw Unsupported("offload", fmt::format("--mode {} keeps activations on the device; --mode simulate predicts what "
                                             "offloading them does",
                                             mode));
}

void require_devices(const SystemSpec& system, std::int64_t num_ranks, const EngineReport& report, bool must_fit) {
  std::optional<Problem> problem = machine_problem(report, num_ranks);
  if (!problem) problem = system_problem(report, system);
  if (!problem) return;
  if (must_fit) throw EnvironmentError(problem->where, problem->what, problem->hint);
  throw Unsupported("devices", problem->what);
}

bool fits_host(Row& row, const std::vector<StageMemoryBytes>& stages, int stage_ranks,
               const std::optional<std::int64_t>& available) {
  std::string why = why_it_does_not_fit(stages, stage_ranks, available);
  if (why.empty()) return true;
  set_broken_off(row, {Status::oom, kHostMemory, std::move(why)});
  return false;
}

bool fits_devices(Row& row, const std::vector<StageMemoryBytes>& stages, std::int64_t num_ranks,
                  const EngineReport& report, bool must_fit) {
  std::string why = why_it_does_not_fit(stages, std::span(report.devices).first(static_cast<std::size_t>(num_ranks)));
  if (why.empty()) return true;
  if (must_fit) throw EnvironmentError(kDeviceMemory, why, "more GPUs, a layout that shards more, or --mode simulate");
  set_broken_off(row, {Status::oom, kDeviceMemory, std::move(why)});
  return false;
}

BrokenOff broken_off(const RunError& error) {
  const Problem& problem = error.problems().front();
  if (problem.where == kDeviceMemory || problem.where == kHostMemory) return {Status::oom, problem.where, problem.what};
  if (dynamic_cast<const TimeoutError*>(&error) == nullptr) return {Status::failed, "run", reason_of(problem)};
  return {Status::timeout, problem.where.empty() ? "run" : problem.where, problem.what};
}

BrokenOff broken_off(const std::bad_alloc&) {
  std::string reason = "an allocation of this process failed";
  if (const auto available = available_memory_bytes())
    reason += fmt::format("; {:.2f} GiB of this machine's memory are free", gib(static_cast<double>(*available)));
  struct rlimit limit {};
  if (getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY)
    reason += fmt::format("; its limit (ulimit -v) is {:.2f} GiB", gib(static_cast<double>(limit.rlim_cur)));
  return {Status::oom, kHostMemory, reason};
}

std::optional<BrokenOff> interrupted(const std::function<std::string()>& stopped_by, std::int64_t next,
                                     std::int64_t steps) {
  const std::string by = stopped_by ? stopped_by() : "";
  if (by.empty()) return std::nullopt;
  return BrokenOff{Status::interrupted, by, fmt::format("after {} of {} steps", next - 1, steps)};
}

void set_broken_off(Row& row, const BrokenOff& why) {
  row.status = why.status;
  row.feature = why.feature;
  row.reason = why.reason;
}

void note_threads_left_behind(Row& row) {
  if (num_threads_left_behind() > 0)
    row.notes.emplace_back(
        "a thread of the engine hangs and was left behind: nothing else is measured in this process");
}

}  // namespace perfbench
