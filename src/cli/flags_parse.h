// The command line, read.
#pragma once

#include <string>
#include <vector>

#include "cli/command_line.h"

namespace perfbench {

// `args` without the program's name. Throws InputError with every problem at once: unknown flags, subcommands and words
// with the nearest valid ones, values that the flag doesn't take, contradictions, flags that the subcommand has no use
// for.
CommandLine parse_command_line(const std::vector<std::string>& args);

}  // namespace perfbench
