// The subcommands, once: which words name them, which flags and words they take, what they do, and what --help says of
// them.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "cli/command_line.h"

namespace perfbench {

// What the words behind a subcommand are, for a shell that completes them.
enum class Words : std::uint8_t { none, files, systems, listings, shells };

struct Subcommand {
  Command command;
  std::string_view spelling;  // "show program"
  std::string_view usage;     // "perfbench show program [FLAGS]"
  // Long names of the flags it takes beside --help and --version, separated by spaces. "@job": those that describe a
  // job; "-name": but not this one. Empty: all but those of single subcommands.
  std::string_view flags;
  Words words;
  std::vector<Problem> (*check)(const CommandLine&);  // what is wrong with its words, and which flags it lacks
  ExitCode (*run)(const CommandLine&);                // see commands.h
  std::string_view sentence;
};

std::span<const Subcommand> subcommands();
const Subcommand& subcommand_of(Command command);
bool has_use_for(Command command, std::string_view flag);  // a flag's long name

// Takes the words of a subcommand off the front of line.words and sets line.command. Returns what is wrong with the
// words.
std::vector<Problem> take_subcommand(CommandLine& line);

}  // namespace perfbench
