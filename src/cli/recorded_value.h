// What of the command line may be recorded.
#pragma once

#include <string>
#include <string_view>

#include "cli/flags.h"

namespace perfbench {

// "***" for a secret; of Slurm parameters the values of those that say where and how a job ran; of every other value
// what redacted() leaves.
std::string recorded_value(const Flag& flag, std::string_view value);

// Whether the value is not to be seen at all, so that it goes from the list of processes, too.
bool hides_value(const Flag& flag, std::string_view value);

}  // namespace perfbench
