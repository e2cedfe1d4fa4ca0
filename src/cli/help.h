// The text of --help: help.txt with the tables of flags and subcommands; docs/cli.md is this text.
#pragma once

#include <string>

namespace perfbench {

std::string help_text();  // lines of at most 100 columns

}  // namespace perfbench
