// What `diff` and `baseline check` say, and where: standard output, a JUnit file, GitHub's step summary.
#pragma once

#include <span>
#include <string>

#include "base/error.h"
#include "cli/command_line.h"
#include "harness/diff.h"

namespace perfbench {

// Of --threshold; none given: the defaults.
Thresholds asked_thresholds(const Options& options);

// The diffs as text or, with --json, one object, or an array of them if there are several.
std::string diffs_text(std::span<const Diff> diffs, const Options& options);

// Prints the diffs; writes --junit FILE; appends to the file that GITHUB_STEP_SUMMARY names; with GITHUB_ACTIONS=true
// writes annotations to standard error, which GitHub reads, too. Returns the exit code of the diffs. Throws RunError
// when a file can't be written; a summary that can't be is a warning.
ExitCode report_diffs(std::span<const Diff> diffs, const Options& options);

}  // namespace perfbench
