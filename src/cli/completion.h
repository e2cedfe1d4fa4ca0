// Shell completion: completion.bash with the tables of flags and subcommands.
#pragma once

#include <string>

namespace perfbench {

// A bash script to be sourced. It asks `perfbench list ... --names` for names of models, systems and stacks.
std::string bash_completion();

}  // namespace perfbench
