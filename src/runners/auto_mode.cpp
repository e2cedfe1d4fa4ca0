#include "runners/auto_mode.h"

#include <fmt/format.h>

#include "job/catalog.h"
#include "runners/machine_check.h"
#include "runners/measure_settings.h"

namespace perfbench {

ModeChoice choose_mode(const Job& job, const std::string& asked_stack, const EngineReport& report) {
  if (!asked_stack.empty() && canonical_name(asked_stack) != kMeasuredStack)
    return {.why = fmt::format("stack {} is simulated only", asked_stack)};
  if (auto problem = machine_problem(report, 1)) return {.why = problem->what};
  if (system_problem(report, job.system))
    return {.why = fmt::format("the job asks for {}, and the GPUs here are {}", job.system.name,
                               report.devices.front().name)};
  if (auto problem = machine_problem(report, job.num_gpus)) return {.why = problem->what};
  return {.measures = true,
          .why = fmt::format("the job asks for {} {}, and {} {} here ({})", job.num_gpus, job.system.name,
                             report.devices.size(), report.devices.size() == 1 ? "is" : "are",
                             report.devices.front().name)};
}

std::string note_of(const ModeChoice& choice) {
  return fmt::format("mode auto: {}, because {}", choice.measures ? "measured" : "simulated", choice.why);
}

}  // namespace perfbench
