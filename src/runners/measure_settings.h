// What --mode measure asks for beside the job.
#pragma once

#include <cstdint>

#include "cli/command_line.h"
#include "engine/session.h"
#include "rows/step_lines.h"
#include "spec/request.h"

namespace perfbench {

// Measured rows are of perfbench's own software, and on the CPU of this system.
inline constexpr const char* kMeasuredStack = "perfbench";
inline constexpr const char* kCpuSystem = "cpu";

struct MeasureSettings {
  Device device = Device::cuda;
  std::int64_t steps = 30;   // NeMo AutoModel, examples/benchmark/configs: warmup_steps 10, max_steps 30
  std::int64_t warmup = 10;  // the first of `steps`
  std::uint64_t seed = 1;    // of the initial weights and the mock data
  double timeout_s = 60;     // SessionSettings::timeout_s
};

// --step_timeout_s, or what the device has: an op of a CPU may take long.
double step_timeout_s(const Options& options, Device device);

bool wants_measure(const Options& options);
bool wants_slice(const Options& options);
bool runs_engine(const Options& options);  // either

// Steps of a slice unless given: each runs every kernel once a microbatch and layer.
inline constexpr std::int64_t kSliceSteps = 6;

// Of the flags, or of the system where no --device is given. Throws InputError for numbers that leave no step to time
// and for --steps and --max_steps that differ.
MeasureSettings measure_settings(const CommandLine& line);

// Throws as measure_settings() does.
bool measures_on_cuda(const CommandLine& line);

// The format of the lines of steps: --log-format, else NeMo's where the row is printed as text.
StepLogFormat step_log_format(const Options& options);

// Sets the stack and, for the CPU, the system of a request that is to be measured, where it names none. Throws
// InputError where --device cpu and the system contradict each other.
void apply_measuring(const CommandLine& line, Request& request);

}  // namespace perfbench
