// What run.json says of this run.
#pragma once

#include <string>

#include "cli/command_line.h"
#include "job/catalog.h"
#include "job/env_vars.h"
#include "rows/run_record.h"

namespace perfbench {

// Host, time, version, commit, data files, environment and the command line without its secrets.
RunRecord record_of(const CommandLine& line, const EnvVars& env_vars, const Catalog& catalog);

}  // namespace perfbench
