// The subcommands, once: which words name them, which flags they take, and what --help says of them.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "cli/command_line.h"

namespace perfbench {

struct Subcommand {
  Command command;
  std::string_view spelling;  // "show program"
  std::string_view usage;     // "perfbench show program [FLAGS]"
  std::string_view flags;     // long names of the flags it takes, separated by spaces; empty: all but -o
  std::string_view sentence;
};

std::span<const Subcommand> subcommands();
std::string_view spelling_of(Command command);
bool has_use_for(Command command, std::string_view flag);  // a flag's long name

// Takes the words of a subcommand off the front of line.words and sets line.command. Returns what is wrong with the
// words.
std::vector<Problem> take_subcommand(CommandLine& line);

}  // namespace perfbench
