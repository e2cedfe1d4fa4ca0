#include "cli/measure_flags.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "job/catalog.h"
#include "runners/calibration.h"

namespace perfbench {
namespace {

bool names_cpu(const Request& request) { return request.system && canonical_name(*request.system) == kCpuSystem; }

Device device_of(const CommandLine& line) {
  if (line.options.device) return *line.options.device;
  return names_cpu(line.request) ? Device::cpu : Device::cuda;
}

}  // namespace

double step_timeout_s(const Options& options, Device device) {
  if (options.step_timeout_s) return static_cast<double>(*options.step_timeout_s);
  return device == Device::cpu ? 600.0 : 60.0;
}

Mode mode_of(const CommandLine& line) { return line.options.mode.value_or(Mode::automatic); }

MeasureSettings measure_settings(const CommandLine& line) {
  const Options& options = line.options;
  const auto& max_steps = line.launch.max_steps;
  if (options.steps && max_steps && *options.steps != *max_steps)
    throw InputError("--steps", fmt::format("is {}, and --max_steps is {}", *options.steps, *max_steps),
                     "give one of them");
  MeasureSettings settings{.device = device_of(line)};
  if (mode_of(line) == Mode::slice) settings.steps = kSliceSteps;
  settings.steps = options.steps ? *options.steps : max_steps.value_or(settings.steps);
  settings.warmup = options.warmup_steps.value_or(std::min(settings.warmup, settings.steps / 3));
  settings.seed = static_cast<std::uint64_t>(options.seed.value_or(1));
  settings.timeout_s = step_timeout_s(options, settings.device);
  if (settings.warmup >= settings.steps)
    throw InputError("--warmup_steps",
                     fmt::format("{} of {} steps leave none to time", settings.warmup, settings.steps),
                     fmt::format("at most {}, or more --steps", settings.steps - 1));
  return settings;
}

RunnerSettings runner_settings(const CommandLine& line) {
  if (!runs_engine(mode_of(line))) return {.calibration = calibration_of(line.options.calibration)};
  return {.slice = {.measure = measure_settings(line),
                    .stage = line.options.stage.value_or(SliceStage::all),
                    .microbatches = line.options.slice_microbatches}};
}

bool measures_on_cuda(const CommandLine& line) {
  return runs_engine(mode_of(line)) && measure_settings(line).device == Device::cuda;
}

StepLogFormat step_log_format(const Options& options) {
  const bool text = !options.json && !options.csv && !options.markdown;
  return options.log_format.value_or(text ? StepLogFormat::nemo : StepLogFormat::none);
}

void apply_measuring(const CommandLine& line, Request& request) {
  const bool calibrates = line.command == Command::calibrate;
  if (!runs_engine(mode_of(line)) && !calibrates) return;
  if (line.options.device == Device::cpu) {
    if (request.system && !names_cpu(request))
      throw InputError(flag_of(request, "system"),
                       fmt::format("is {}, and --device cpu measures on system cpu", *request.system),
                       "leave it out, or --device cuda");
    if (!request.system) request.origins["system"] = "flag --device";
    request.system = kCpuSystem;
  }
  if (line.options.device == Device::cuda && names_cpu(request))
    throw InputError(flag_of(request, "system"), "is cpu, and --device cuda measures on GPUs", "leave one of them out");
  if (request.stack) return;
  request.stack = kMeasuredStack;
  request.origins["stack"] = calibrates ? "flag calibrate" : "flag --mode";
}

}  // namespace perfbench
