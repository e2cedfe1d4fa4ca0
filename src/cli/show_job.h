// A Job as text: what a dry run prints.
#pragma once

#include <optional>
#include <string>

#include "cli/asked.h"
#include "rows/row.h"

namespace perfbench {

// A table of values and where each came from, and the status that a prediction has, where `planned` is given.
std::string job_text(const Asked& asked, const std::optional<Row>& planned);
// One object with the same, and the layers of each pipeline chunk.
std::string job_json(const Asked& asked, const std::optional<Row>& planned);

}  // namespace perfbench
