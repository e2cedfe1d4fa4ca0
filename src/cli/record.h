// What run.json says of this run.
#pragma once

#include "cli/command_line.h"
#include "rows/run_record.h"
#include "spec/env_vars.h"

namespace perfbench {

// Host, time, version and the command line without its secrets.
RunRecord record_of(const CommandLine& line, const EnvVars& env_vars);

}  // namespace perfbench
