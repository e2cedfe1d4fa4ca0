#include "runners/calibration.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "program/kernel_sites.h"

namespace perfbench {
namespace {

// Of the compute lane.
double kernel_seconds(const Breakdown& parts) {
  return parts[Part::matmul] + parts[Part::attention] + parts[Part::memory_bound] + parts[Part::recompute] +
         parts[Part::launch] + parts[Part::optimizer];
}

std::string coverage_text(const Plan& plan, const Simulation& simulation, const KernelTable& table) {
  const auto sites = kernel_sites(plan);
  const auto found =
      std::count_if(sites.begin(), sites.end(), [&](const auto& site) { return table.find(site.first) != nullptr; });
  const double all_s = kernel_seconds(simulation.breakdown);
  return fmt::format("{} of {} kernels are measured, {:.1f} % of the kernel time", found, sites.size(),
                     all_s > 0.0 ? 100.0 * simulation.measured_s / all_s : 0.0);
}

}  // namespace

std::shared_ptr<const KernelTable> calibration_of(const std::optional<std::string>& file) {
  if (!file) return nullptr;
  return std::make_shared<const KernelTable>(read_kernel_table(*file));
}

void require_system(const KernelTable& table, const Job& job, const std::string& where) {
  const std::string& system = table.on.system;
  if (system == job.system.name) return;
  if (system.empty())
    throw InputError(
        where,
        fmt::format("kernels of \"{}\", which is no known system; the job is for {}", table.on.device, job.system.name),
        "add the system to model_configs/systems, or leave the file out");
  throw InputError(where, fmt::format("kernels of {}; the job is for {}", system, job.system.name),
                   fmt::format("--gpu {}, or a file that was measured on {}", system, job.system.name));
}

void set_measured(Row& row, const Job& job, const Plan& plan, const Simulation& simulation, const KernelTable& table) {
  row.measured_s = simulation.measured_s;
  row.modelled_s = simulation.step_time_s - simulation.measured_s;
  row.step_time_low_s.reset();
  row.step_time_high_s.reset();
  row.notes.push_back(
      fmt::format("{}; on {}, {}", coverage_text(plan, simulation, table), table.on.device, table.on.date));
  if (table.on.throttled.value_or(false))
    row.notes.push_back(fmt::format("{} was throttled while its kernels were measured: {}", table.on.device,
                                    join(table.on.throttle_reasons, ", ")));
  if (!job.system.has_data_sheet())
    row.notes.push_back(
        fmt::format("system {} has no data sheet: communication and kernels that were not measured "
                    "take no time here",
                    job.system.name));
}

}  // namespace perfbench
