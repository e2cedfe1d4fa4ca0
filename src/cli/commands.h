// The subcommands as functions. Each prints its result and returns the exit code; errors are exceptions.
#pragma once

#include <exception>

#include "base/error.h"
#include "cli/command_line.h"

namespace perfbench {

ExitCode run(const CommandLine& line);  // the one that the command line asks for

ExitCode run_row(const CommandLine& line);
ExitCode run_check(const CommandLine& line);
ExitCode run_export(const CommandLine& line);
ExitCode run_audit(const CommandLine& line);
ExitCode run_import(const CommandLine& line);
ExitCode run_verify(const CommandLine& line);
ExitCode run_show_program(const CommandLine& line);
ExitCode run_doctor(const CommandLine& line);
ExitCode run_list(const CommandLine& line);
ExitCode run_completion(const CommandLine& line);
ExitCode run_sweep(const CommandLine& line);
ExitCode run_diff(const CommandLine& line);
ExitCode run_baseline_update(const CommandLine& line);
ExitCode run_baseline_check(const CommandLine& line);
ExitCode run_calibrate(const CommandLine& line);
ExitCode run_accuracy(const CommandLine& line);
ExitCode run_kernel_accuracy(const CommandLine& line);  // accuracy of a file of measured kernels

// Prints what went wrong to standard error and returns the exit code for it.
ExitCode report(const std::exception& error);

}  // namespace perfbench
