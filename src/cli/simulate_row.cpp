#include "cli/simulate_row.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/units.h"
#include "cli/calibration.h"
#include "cli/stage_memory.h"
#include "cost/op_time.h"
#include "models/decoder.h"
#include "program/schedule.h"
#include "sim/memory.h"
#include "sim/simulate.h"

namespace perfbench {
namespace {

void set_memory(Row& row, const Job& job, const std::vector<StageMemoryBytes>& stages) {
  double peak = 0.0;
  int peak_stage = 0;
  for (std::size_t i = 0; i < stages.size(); ++i) {
    const StageMemoryBytes& bytes = stages[i];
    const int stage = static_cast<int>(i);
    for (StageMemory& entry : planned_memory(stage, bytes)) row.memory.push_back(std::move(entry));
    row.memory.push_back({.stage = stage, .category = "reserved", .gib = bytes.reserved / kGiB});
    if (bytes.total() > peak) {
      peak = bytes.total();
      peak_stage = stage;
    }
  }
  row.peak_memory_gib = peak / kGiB;
  const std::optional<double> capacity = job.system.memory_bytes.value;
  if (!capacity || peak <= *capacity) return;
  row.status = Status::oom;
  row.feature = fmt::format("stage {}", peak_stage);
  row.reason = fmt::format("stage {} needs {:.1f} GiB, {} has {:.1f} GiB", peak_stage, peak / kGiB, job.system.gpu,
                           *capacity / kGiB);
}

void require_data_sheet(const SystemSpec& system) {
  if (system.has_data_sheet()) return;
  throw Unsupported("simulation",
                    fmt::format("system {} has no data-sheet peaks; --mode measure times it", system.name));
}

}  // namespace

const RowSimulator::SystemData& RowSimulator::data_of(const std::string& system) {
  const auto found = systems_.find(system);
  if (found != systems_.end()) return found->second;
  SystemData data{.kernels = read_kernel_constants(catalog_.kernel_constants(system)),
                  .published = read_published_tables(catalog_, system)};
  return systems_.emplace(system, std::move(data)).first->second;
}

Row RowSimulator::operator()(const Job& job) {
  if (measured_) require_system(*measured_, job, "--calibration");
  const SystemData& data = data_of(job.system.name);
  Row row = row_of(job);
  row.method = Method::simulated;
  try {
    if (!measured_) require_data_sheet(job.system);
    const JobPrograms programs = build_programs(job);
    if (data.kernels.system != job.system.name && job.system.has_data_sheet()) {
      row.notes.push_back(fmt::format(
          "no measured kernels of {}: kernels/default.json, the medians of the measured systems", job.system.name));
    }
    CostModel cost = cost_model(job, data.kernels);
    cost.measured = measured_;
    const Simulation simulation = simulate(job, programs, cost);
    set_step_time(row, job, simulation.step_time_s);
    row.step_time_low_s = simulation.step_time_s * job.stack.constants.step_time_low;
    row.step_time_high_s = simulation.step_time_s * job.stack.constants.step_time_high;
    if (simulation.error_s > 0.0) {
      row.notes.push_back(fmt::format(
          "{} microbatches: no period was found, so that most of them are extrapolated; the step time and its parts "
          "may be off by {:.3g} s",
          pipeline_shape(job).step_microbatches(), simulation.error_s));
    }
    if (measured_) set_measured(row, job, programs, simulation, *measured_);
    for (int part = 0; part < kNumParts; ++part) {
      row.breakdown.emplace_back(name(static_cast<Part>(part)), simulation.breakdown[static_cast<Part>(part)]);
    }
    set_memory(row, job, replay_memory(job, programs));
  } catch (const Unsupported& problem) {
    set_unsupported(row, problem);
  }
  set_published(row, job, published_runs(job, data.published, catalog_));
  return row;
}

Row simulate_row(const Job& job, const Catalog& catalog, std::shared_ptr<const KernelTable> measured) {
  return RowSimulator(catalog, std::move(measured))(job);
}

}  // namespace perfbench
