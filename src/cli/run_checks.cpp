#include "cli/run_checks.h"

#include <fmt/format.h>

#include <span>
#include <utility>

#include "cli/machine_check.h"
#include "cli/machine_fit.h"
#include "cli/measure_settings.h"

namespace perfbench {
namespace {

std::string reason_of(const Error& error) {
  if (error.problems().empty()) return error.what();
  const Problem& problem = error.problems().front();
  return problem.where.empty() ? problem.what : fmt::format("{}: {}", problem.where, problem.what);
}

}  // namespace

void require_own_stack(const Job& job, std::string_view mode) {
  if (job.stack.name == kMeasuredStack) return;
  throw Unsupported("stack " + job.stack.name, fmt::format("--mode {} runs stack {}; stack {} is only simulated", mode,
                                                           kMeasuredStack, job.stack.name));
}

void require_devices(const SystemSpec& system, std::int64_t num_ranks, const EngineReport& report, bool must_fit) {
  std::optional<Problem> problem = machine_problem(report, num_ranks);
  if (!problem) problem = system_problem(report, system);
  if (!problem) return;
  if (must_fit) throw EnvironmentError(problem->where, problem->what, problem->hint);
  throw Unsupported("devices", problem->what);
}

void set_oom(Row& row, std::string feature, std::string reason) {
  row.status = Status::oom;
  row.feature = std::move(feature);
  row.reason = std::move(reason);
}

bool fits_host(Row& row, const Job& job, const std::vector<StageMemoryBytes>& stages,
               const std::optional<std::int64_t>& available) {
  std::string why = why_it_does_not_fit(job, stages, available);
  if (why.empty()) return true;
  set_oom(row, "host memory", std::move(why));
  return false;
}

bool fits_devices(Row& row, const std::vector<StageMemoryBytes>& stages, std::int64_t num_ranks,
                  const EngineReport& report, bool must_fit) {
  std::string why = why_it_does_not_fit(stages, std::span(report.devices).first(static_cast<std::size_t>(num_ranks)));
  if (why.empty()) return true;
  if (must_fit) throw EnvironmentError(kDeviceMemory, why, "more GPUs, a layout that shards more, or --mode simulate");
  set_oom(row, kDeviceMemory, std::move(why));
  return false;
}

void set_failed(Row& row, const RunError& error) {
  if (!error.problems().empty() && error.problems().front().where == kDeviceMemory)
    return set_oom(row, kDeviceMemory, error.problems().front().what);
  row.status = Status::failed;
  row.feature = "run";
  row.reason = reason_of(error);
}

}  // namespace perfbench
