// The measured row of a training log.
#pragma once

#include <string>
#include <vector>

#include "cli/command_line.h"
#include "import/import_log.h"
#include "job/catalog.h"
#include "rows/row.h"

namespace perfbench {

struct ImportedRun {
  Row row;
  std::vector<std::string> warnings{};
};

// The flags name the job that was run; gbs, num_gpus and seq_len come from the log where it says them. A run with too
// few steps, or with a loss or grad norm that is no number in its window, is a row with status failed. Throws
// InputError where a flag contradicts the log, and for what resolve_asked() refuses.
ImportedRun import_run(const CommandLine& line, const RunLog& log, const Catalog& catalog);

}  // namespace perfbench
