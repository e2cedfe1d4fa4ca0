// A Job as text: what a dry run prints.
#pragma once

#include <string>

#include "cli/asked.h"

namespace perfbench {

std::string job_text(const Asked& asked);  // a table of values and where each came from
std::string job_json(const Asked& asked);  // one object with the same, and the layers of each pipeline chunk

}  // namespace perfbench
