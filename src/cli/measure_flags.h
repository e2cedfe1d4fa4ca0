// What the flags say of measuring.
#pragma once

#include "cli/command_line.h"
#include "job/request.h"
#include "rows/step_lines.h"
#include "runners/make_runner.h"
#include "runners/measure_settings.h"

namespace perfbench {

// --step_timeout_s, or what the device has: an op of a CPU may take long.
double step_timeout_s(const Options& options, Device device);

// --mode; automatic unless given.
Mode mode_of(const CommandLine& line);

// Of the flags, or of the system where no --device is given. Throws InputError for numbers that leave no step to time
// and for --steps and --max_steps that differ.
MeasureSettings measure_settings(const CommandLine& line);

// Of what is run the measure_settings(), of a prediction the kernels of --calibration. Throw as measure_settings()
// does, and for a file that can't be read.
RunnerSettings runner_settings(const CommandLine& line);
bool measures_on_cuda(const CommandLine& line);

// The format of the lines of steps: --log-format, else NeMo's where the row is printed as text.
StepLogFormat step_log_format(const Options& options);

// Sets the stack and, for the CPU, the system of a request that is to be measured, where it names none. Throws
// InputError where --device cpu and the system contradict each other.
void apply_measuring(const CommandLine& line, Request& request);

}  // namespace perfbench
