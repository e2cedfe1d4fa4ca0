// Flags that are taken, so that NeMo's command lines work as they are, and that change nothing in what is asked.
#pragma once

#include <string>
#include <string_view>

#include "cli/command_line.h"

namespace perfbench {

// "without effect on <what>: -en, -tb", with every such flag as it was spelled; "" where all have an effect.
std::string idle_flags_note(const CommandLine& line, std::string_view what);

}  // namespace perfbench
