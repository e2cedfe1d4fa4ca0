#include "runners/plan_row.h"

#include <fmt/format.h>

#include <optional>
#include <vector>

#include "base/units.h"
#include "models/programs.h"
#include "runners/calibration.h"
#include "runners/run_checks.h"
#include "runners/stage_memory.h"
#include "sim/memory.h"
#include "sim/timed_program.h"

namespace perfbench {
namespace {

void require_data_sheet(const SystemSpec& system) {
  if (system.has_data_sheet()) return;
  throw Unsupported("simulation",
                    fmt::format("system {} has no data-sheet peaks; --mode measure times it", system.name));
}

// Throws Unsupported for the first number that a time needs and nobody knows.
void require_numbers(const Plan& plan, const CostModel& cost) {
  for (const Program& program : plan.kinds) time_program(program, cost);
}

// Predictions of memory are good to a few percent, and a run needs room for what comes once: checkpoints, evaluation.
constexpr double kNearCapacity = 0.03;

void note_near_capacity(Row& row, const std::string& gpu, double capacity) {
  const double share = *row.memory_headroom_gib * kGiB / capacity;
  if (share > kNearCapacity) return;
  row.notes.push_back(fmt::format("near capacity: the predicted peak leaves {:.1f} GiB, {:.1f} %, of the memory of {}",
                                  *row.memory_headroom_gib, 100.0 * share, gpu));
}

void set_memory(Row& row, const Job& job, const std::vector<StageMemoryBytes>& stages) {
  double peak = 0.0;
  int peak_stage = 0;
  for (std::size_t i = 0; i < stages.size(); ++i) {
    const StageMemoryBytes& bytes = stages[i];
    const int stage = static_cast<int>(i);
    for (StageMemory& entry : planned_memory(stage, bytes)) row.memory.push_back(std::move(entry));
    for (StageMemory& entry : reserved_memory(stage, bytes)) row.memory.push_back(std::move(entry));
    if (bytes.total() > peak) {
      peak = bytes.total();
      peak_stage = stage;
    }
  }
  set_peak_memory(row, peak);
  const std::optional<double> capacity = job.system.capacity_bytes();
  if (!capacity && job.system.has_data_sheet())
    row.notes.push_back(
        fmt::format("whether the job fits is not known: the data sheet of {} gives no memory_bytes", job.system.name));
  if (row.status != Status::ok || !capacity) return;
  row.memory_headroom_gib = (*capacity - peak) / kGiB;
  if (peak <= *capacity) return note_near_capacity(row, job.system.gpu, *capacity);
  set_broken_off(row, {Status::oom, fmt::format("stage {}", peak_stage),
                       fmt::format("stage {} needs {:.1f} GiB, {} has {:.1f} GiB", peak_stage, peak / kGiB,
                                   job.system.gpu, *capacity / kGiB)});
}

std::string_view borrowed_text(const SystemSpec& system) {
  return system.kernels == "default" ? "the medians of the measured systems"
                                     : "whose curves are shares of the data sheet's peaks";
}

}  // namespace

const KernelConstants& RowPlanner::kernels_of(const SystemSpec& system) {
  const auto found = kernels_.find(system.kernels);
  if (found != kernels_.end()) return found->second;
  return kernels_.emplace(system.kernels, read_kernel_constants(catalog_.kernel_constants(system))).first->second;
}

void RowPlanner::plan(PlannedRow& planned, const Job& job, const KernelConstants& kernels) const {
  if (!measured_) require_data_sheet(job.system);
  planned.plan = build_plan(job);
  if (kernels.system != job.system.name && job.system.has_data_sheet()) {
    planned.row.notes.push_back(fmt::format("no measured kernels of {}: kernels/{}.json, {}", job.system.name,
                                            job.system.kernels, borrowed_text(job.system)));
  }
  planned.cost = cost_model(job, kernels);
  planned.cost.measured = measured_;
  require_numbers(planned.plan, planned.cost);
  set_memory(planned.row, job, replay_memory(planned.plan));
}

PlannedRow RowPlanner::operator()(const Job& job) {
  if (measured_) require_system(*measured_, job, "--calibration");
  const KernelConstants& kernels = kernels_of(job.system);
  PlannedRow planned{.row = row_of(job)};
  planned.row.method = Method::simulated;
  try {
    plan(planned, job, kernels);
  } catch (const Unsupported& problem) {
    set_unsupported(planned.row, problem);
  }
  return planned;
}

Row planned_row(const JobOrRow& asked, RowPlanner& plan) { return asked.job ? plan(*asked.job).row : asked.row; }

}  // namespace perfbench
