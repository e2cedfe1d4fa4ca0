// What run.json says of this run.
#pragma once

#include <string>

#include "cli/command_line.h"
#include "rows/run_record.h"
#include "spec/catalog.h"
#include "spec/env_vars.h"

namespace perfbench {

std::string utc_now();  // "2026-01-31T12:00:00Z"

// Host, time, version, commit, data files, environment and the command line without its secrets.
RunRecord record_of(const CommandLine& line, const EnvVars& env_vars, const Catalog& catalog);

}  // namespace perfbench
