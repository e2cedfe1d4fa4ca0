// What the flags say of measuring.
#pragma once

#include "cli/command_line.h"
#include "job/request.h"
#include "rows/step_lines.h"
#include "runners/measure_settings.h"
#include "runners/slice_row.h"

namespace perfbench {

// --step_timeout_s, or what the device has: an op of a CPU may take long.
double step_timeout_s(const Options& options, Device device);

bool wants_measure(const Options& options);
bool wants_slice(const Options& options);
bool runs_engine(const Options& options);  // either

// Of the flags, or of the system where no --device is given. Throws InputError for numbers that leave no step to time
// and for --steps and --max_steps that differ.
MeasureSettings measure_settings(const CommandLine& line);

// Throw as measure_settings() does.
SliceSettings slice_settings(const CommandLine& line);
bool measures_on_cuda(const CommandLine& line);

// The format of the lines of steps: --log-format, else NeMo's where the row is printed as text.
StepLogFormat step_log_format(const Options& options);

// Sets the stack and, for the CPU, the system of a request that is to be measured, where it names none. Throws
// InputError where --device cpu and the system contradict each other.
void apply_measuring(const CommandLine& line, Request& request);

}  // namespace perfbench
