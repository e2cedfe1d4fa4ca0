// What perfbench says: results to standard output, warnings to standard error.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace perfbench {

// Writes and flushes; returns ExitCode::ok. Throws RunError when standard output can't take it (a full disk, say).
ExitCode print(std::string_view text);

// "perfbench: warning: ..." for each.
void warn(const std::vector<std::string>& warnings);

}  // namespace perfbench
