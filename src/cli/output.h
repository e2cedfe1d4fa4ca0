// What perfbench says, without secrets: results to standard output, the rest to standard error.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace perfbench {

// Writes and flushes; returns ExitCode::ok. Throws RunError when standard output can't take it (a full disk, say), or
// could not take what print_on_the_way() gave it.
ExitCode print(std::string_view text);
// For lines before the result: that they are lost must not end the work.
void print_on_the_way(std::string_view text);

// To standard error. What it can't take is lost: no result depends on it.
void say(std::string_view text);

// "perfbench: warning: ..." for each; those beyond kMostProblems are counted.
void warn(const std::vector<std::string>& warnings);

}  // namespace perfbench
