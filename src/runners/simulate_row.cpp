#include "runners/simulate_row.h"

#include <fmt/format.h>

#include "runners/calibration.h"
#include "sim/simulate.h"

namespace perfbench {
namespace {

void set_times(PlannedRow& planned, const Job& job) {
  Row& row = planned.row;
  const Simulation simulation = simulate(planned.plan, planned.cost);
  set_step_time(row, job, simulation.step_time_s);
  if (!row.step_time_s) return;
  row.step_time_low_s = simulation.step_time_s * job.stack.constants.step_time_low;
  row.step_time_high_s = simulation.step_time_s * job.stack.constants.step_time_high;
  if (simulation.error_s > 0.0) {
    row.notes.push_back(fmt::format(
        "{} microbatches: no period was found, so that most of them are extrapolated; the step time and its parts "
        "may be off by {:.3g} s",
        planned.plan.pipeline.step_microbatches(), simulation.error_s));
  }
  if (planned.cost.measured) set_measured(row, job, planned.plan, simulation, *planned.cost.measured);
  for (int part = 0; part < kNumParts; ++part)
    row.breakdown.emplace_back(name(static_cast<Part>(part)), simulation.breakdown[static_cast<Part>(part)]);
}

}  // namespace

const PublishedTables& RowSimulator::published_of(const std::string& system) {
  const auto found = published_.find(system);
  if (found != published_.end()) return found->second;
  return published_.emplace(system, read_published_tables(catalog_, system)).first->second;
}

const std::vector<PublishedRun>& RowSimulator::runs_of(const Job& job) {
  const std::tuple key(job.system.name, job.model.name, job.task);
  const auto found = runs_.find(key);
  if (found != runs_.end()) return found->second;
  return runs_.emplace(key, published_runs(job, published_of(job.system.name), catalog_)).first->second;
}

Row RowSimulator::operator()(const Job& job) {
  PlannedRow planned = plan_(job);
  if (planned.row.status == Status::ok || planned.row.status == Status::oom) set_times(planned, job);
  set_published(planned.row, job, runs_of(job));
  return std::move(planned.row);
}

Row simulate_row(const Job& job, const Catalog& catalog, std::shared_ptr<const KernelTable> measured) {
  return RowSimulator(catalog, std::move(measured))(job);
}

}  // namespace perfbench
