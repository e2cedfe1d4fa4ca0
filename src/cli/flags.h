// The flags, once: the parser, --help, docs/cli.md and the messages all read this table.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "cli/command_line.h"

namespace perfbench {

enum class FlagKind {
  text,
  integer,
  number,
  optional_integer,  // 0 or 1 value
  boolean,           // true/1/t/yes/y or false/0/f/no/n
  on,                // no value
  conditions,        // NAME=VALUE,...; of a repeated flag all count
  list,              // 0 to n values, separated by spaces, commas or slashes
  secret             // a text that is never printed or recorded
};

enum class FlagGroup { question, layout, batch, precision, memory, measuring, result, cluster };

// Where the spelling comes from.
enum class FlagSource { perfbench, nemo_2504, nemo_later, aws };

// The one member that a flag sets.
using FlagTarget = std::variant<
    std::optional<std::string> Request::*, std::optional<std::int64_t> Request::*, std::optional<double> Request::*,
    std::optional<bool> Request::*, std::optional<Task> Request::*, std::optional<std::vector<std::string>> Request::*,
    std::optional<std::string> Options::*, std::optional<Mode> Options::*, std::optional<Compat> Options::*,
    std::optional<Device> Options::*, std::optional<SliceStage> Options::*, std::optional<StepLogFormat> Options::*,
    std::optional<ImportFormat> Options::*, std::optional<LeaveOut> Options::*, bool Options::*,
    std::optional<std::int64_t> Options::*, std::optional<std::string> LaunchOptions::*,
    std::optional<std::int64_t> LaunchOptions::*, std::optional<bool> LaunchOptions::*, bool LaunchOptions::*,
    std::optional<std::vector<std::string>> LaunchOptions::*, std::optional<Secret> LaunchOptions::*>;

struct Flag {
  std::string_view name;     // the long name, with underscores: "tensor_parallel_size"
  std::string_view aliases;  // further spellings with their dashes, separated by spaces: "-tp --tp"
  FlagKind kind;
  FlagGroup group;
  FlagSource source;
  FlagTarget target;
  std::string_view value;     // what stands for the value in the help: "N"
  std::string_view choices;   // the accepted words, separated by spaces; empty: any
  std::string_view sentence;  // what it means
};

std::span<const Flag> flags();

// The name of the target in Request::origins and rows, "tp"; the long name of a flag that sets no value of a Request.
std::string_view field_of(const Flag& flag);

// The flag of a spelling such as "-tp", "--tp", "--tensor_parallel_size", "--tensor-parallel-size" or "-gpu"; nullptr
// if none.
const Flag* find_flag(std::string_view spelling);

// Every spelling, with dashes: the candidates for "did you mean".
std::vector<std::string> flag_spellings();

std::string_view title(FlagGroup group);
std::string_view title(FlagSource source);  // "" for perfbench's own

}  // namespace perfbench
