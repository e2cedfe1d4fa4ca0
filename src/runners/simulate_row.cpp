#include "runners/simulate_row.h"

#include <fmt/format.h>

#include "base/units.h"
#include "runners/calibration.h"
#include "runners/fitting_change.h"
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
  for (int index = 0; index < kNumParts; ++index) {
    const Part part = static_cast<Part>(index);
    if (part == Part::offload_exposed && job.offload_layers == 0) continue;
    if ((part == Part::ep_exposed || part == Part::host) && !has_mlp<Moe>(job.model)) continue;
    row.breakdown.emplace_back(name(part), simulation.breakdown[part]);
  }
}

// "fits with -mb 1: 70.1 GiB of 74.5, in 1.02 times the step time"
std::string fits_note(const FitsWith& change, const Row& row, double capacity_gib) {
  std::string note =
      fmt::format("fits with {}: {:.1f} GiB of {:.1f}", change.flags, change.peak_memory_gib, capacity_gib);
  if (change.step_time_s && row.step_time_s)
    note += fmt::format(", in {:.2f} times the step time", *change.step_time_s / *row.step_time_s);
  return note;
}

}  // namespace

void RowSimulator::set_fitting_change(Row& row, const Job& job) {
  const std::optional<FittingChange> change = fitting_change(job);
  if (!change) {
    row.notes.emplace_back(
        "no change that was tried fits: microbatch, recomputation, tp, pp, cp, fsdp, offload; more GPUs may");
    return;
  }
  row.fits_with = FitsWith{.flags = change->flags, .peak_memory_gib = change->peak_memory_bytes / kGiB};
  const PlannedRow planned = plan_(change->job);
  if (planned.row.status == Status::ok) {
    row.fits_with->step_time_s = simulate(planned.plan, planned.cost).step_time_s;
  }
  row.notes.push_back(fits_note(*row.fits_with, row, *job.system.capacity_bytes() / kGiB));
}

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
  if (planned.row.status == Status::oom) set_fitting_change(planned.row, job);
  set_published(planned.row, job, runs_of(job));
  return std::move(planned.row);
}

Row simulate_row(const Job& job, const Catalog& catalog, std::shared_ptr<const KernelTable> measured) {
  return RowSimulator(catalog, std::move(measured))(job);
}

}  // namespace perfbench
