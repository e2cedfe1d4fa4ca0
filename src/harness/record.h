// What run.json says of this run.
#pragma once

#include <span>
#include <string>
#include <utility>

#include "job/catalog.h"
#include "job/env_vars.h"
#include "rows/run_record.h"

namespace perfbench {

// Host, time, version, commit, data files, environment and the command line: `given` are its flags and their values in
// order, without secrets; a word has an empty flag.
RunRecord new_record(std::span<const std::pair<std::string, std::string>> given, const EnvVars& env_vars,
                     const Catalog& catalog);

}  // namespace perfbench
