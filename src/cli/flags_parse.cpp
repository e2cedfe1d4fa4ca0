#include "cli/flags_parse.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <type_traits>

#include "base/error.h"
#include "base/text.h"
#include "cli/flags.h"
#include "cli/flags_expand.h"
#include "cli/measure_flags.h"
#include "cli/subcommands.h"
#include "job/request_fields.h"

namespace perfbench {
namespace {

// The value of each flag in the order of flags(); nullopt when it was not given. The last one counts, as NeMo's parser
// has it.
using FlagValues = std::vector<std::optional<std::string>>;

FlagValues read_values(ExpandedArguments& expanded) {
  CLI::App app;
  app.set_help_flag();
  app.option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  std::vector<std::string> texts(flags().size()), words;
  std::vector<CLI::Option*> options;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const std::string name = "--" + std::string(flags()[i].name);
    options.push_back(flags()[i].kind == FlagKind::on ? app.add_flag(name) : app.add_option(name, texts[i]));
  }
  for (std::size_t i = 0; i < texts.size(); ++i)
    if (flags()[i].kind == FlagKind::conditions)
      options[i]->multi_option_policy(CLI::MultiOptionPolicy::Join)->delimiter(',');
  app.add_option("words", words)->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);

  std::vector<std::string> args = expanded.args;
  if (!expanded.words.empty()) args.push_back("--");
  args.insert(args.end(), expanded.words.begin(), expanded.words.end());
  std::reverse(args.begin(), args.end());  // CLI11 takes them from the back
  try {
    app.parse(std::move(args));
  } catch (const CLI::ParseError& error) {
    throw InputError("command line", error.what(), "perfbench --help lists all flags");
  }
  FlagValues values(texts.size());
  for (std::size_t i = 0; i < texts.size(); ++i)
    if (options[i]->count() > 0) values[i] = texts[i];
  expanded.words = std::move(words);
  return values;
}

// Of a file or a folder that perfbench itself reads or writes.
bool names_a_path(const Flag& flag) {
  return flag.group != FlagGroup::cluster && (flag.value == "FILE" || flag.value == "DIR");
}

// Sets the one member that a flag is about.
class FlagSetter {
 public:
  FlagSetter(const Flag& flag, std::string spelling, std::string text, CommandLine& line)
      : flag_(flag), spelling_(std::move(spelling)), text_(std::move(text)), line_(line) {}

  std::optional<Problem> set() {
    if (std::optional<Problem> problem = check_choice()) return problem;
    if (names_a_path(flag_) && trim(text_).empty())
      return problem("is no path", "is a variable of the shell not set? leave the flag out instead");
    return std::visit([this](auto member) { return set_member(member); }, flag_.target);
  }

 private:
  template <typename T>
  std::optional<Problem> set_member(T Request::*member) {
    line_.request.origins[std::string(field_of(flag_))] = "flag " + spelling_;
    if (flag_.kind == FlagKind::list) std::replace(text_.begin(), text_.end(), '/', ',');  // as tables write lists
    return assign(line_.request.*member);
  }
  template <typename T>
  std::optional<Problem> set_member(T Options::*member) {
    return assign(line_.options.*member);
  }
  template <typename T>
  std::optional<Problem> set_member(T LaunchOptions::*member) {
    return assign(line_.launch.*member);
  }

  std::optional<Problem> check_choice() {
    if (flag_.choices.empty()) return std::nullopt;
    text_ = lower(text_);
    const std::vector<std::string> choices = split(flag_.choices, ' ');
    if (std::find(choices.begin(), choices.end(), text_) != choices.end()) return std::nullopt;
    return problem("is not accepted", nearest_hint(text_, choices));
  }

  std::optional<Problem> assign(bool& value) {
    value = true;
    return std::nullopt;
  }
  std::optional<Problem> assign(std::optional<std::string>& value) {
    value = text_;
    return std::nullopt;
  }
  // The word is one of the flag's choices: check_choice() has said so.
  template <typename Enum>
  requires std::is_enum_v<Enum> std::optional<Problem> assign(std::optional<Enum>& value) {
    value = parse_choice<Enum>(text_);
    check(value.has_value(), "a choice of a flag stands for no value");
    return std::nullopt;
  }
  std::optional<Problem> assign(std::optional<Secret>& value) {
    value = Secret{text_};
    return std::nullopt;
  }
  std::optional<Problem> assign(std::optional<std::vector<std::string>>& value) {
    value.emplace();
    for (const std::string& item : split(text_, ','))
      if (!trim(item).empty()) value->emplace_back(trim(item));
    return std::nullopt;
  }
  std::optional<Problem> assign(std::optional<bool>& value) {
    value = parse_bool(text_);
    if (value) return std::nullopt;
    return problem("is neither true nor false", "true, 1, t, yes, y or false, 0, f, no, n");
  }
  std::optional<Problem> assign(std::optional<std::int64_t>& value) {
    value = parse_int(text_);
    const bool digits = !text_.empty() && text_.find_first_not_of("-0123456789,") == std::string::npos;
    if (!value) return problem(digits ? "is no whole number of 64 bits" : "is no whole number", "");
    if (const std::optional<std::string> rule = limit_problem(field_of(flag_), *value)) return problem(*rule, "");
    if (*value == 0 && limits_of(field_of(flag_)).zero_is_unset)
      return problem("is no size", "1 is the axis unused; leave the flag out to take the table's value");
    return std::nullopt;
  }
  std::optional<Problem> assign(std::optional<double>& value) {
    value = parse_double(text_);
    return value ? std::nullopt : std::optional(problem("is no number", ""));
  }
  std::optional<Problem> assign(std::optional<Task>& value) {
    const std::optional<Task> task = parse_task(text_);
    if (value && task != value)
      return problem(fmt::format("contradicts the task {} of another flag", name(*value)), "give one of them");
    value = task;
    return std::nullopt;
  }

  Problem problem(const std::string& rule, std::string hint) const {
    return {.where = spelling_, .what = fmt::format("\"{}\" {}", text_, rule), .hint = std::move(hint)};
  }

  const Flag& flag_;
  std::string spelling_, text_;
  CommandLine& line_;
};

std::vector<Problem> output_problems(const Options& options) {
  std::vector<std::string> forms;
  if (options.json) forms.push_back("--json");
  if (options.csv) forms.push_back("--csv");
  if (options.markdown) forms.push_back("--markdown");
  if (forms.size() > 1) return {{join(forms, ", "), "only one form can be printed", "give one of them"}};
  if (options.dryrun && (options.csv || options.markdown))
    return {{forms.front(), "a dry run is printed as text or with --json", ""}};
  return {};
}

// What a flag of the group `measuring` needs; empty where it has what it needs.
std::string_view needed_mode(const Flag& flag, Mode mode) {
  if (flag.name == "stage" || flag.name == "slice_microbatches") return mode == Mode::slice ? "" : "slice";
  if (flag.name == "log_format") return mode == Mode::measure ? "" : "measure";
  return runs_engine(mode) ? "" : "measure";
}

// Flags of the group `measuring` have no effect on a prediction, and a calibration none on what is measured.
std::vector<Problem> measuring_problems(const CommandLine& line, const ExpandedArguments& expanded) {
  const bool may_measure = line.command == Command::row || line.command == Command::sweep;
  if (!may_measure) return {};
  const Mode mode = mode_of(line);
  std::vector<Problem> problems;
  if (line.options.calibration && runs_engine(mode))
    problems.push_back({"--calibration",
                        fmt::format("has a meaning for predictions only, not for --mode {}", word_of(mode)),
                        "leave it out, or --mode simulate"});
  if (const auto imbalance = expanded.spelling.find("gate_imbalance");
      imbalance != expanded.spelling.end() && runs_engine(mode))
    problems.push_back({imbalance->second,
                        fmt::format("has a meaning for predictions only, not for --mode {}", word_of(mode)),
                        "leave it out, or --mode simulate"});
  for (const auto& [name, spelling] : expanded.spelling)
    if (const Flag* flag = find_flag("--" + name); flag != nullptr && flag->group == FlagGroup::measuring)
      if (const std::string_view needed = needed_mode(*flag, mode); !needed.empty())
        problems.push_back({spelling, fmt::format("has a meaning with --mode {} only", needed),
                            fmt::format("give --mode {}, or leave it out", needed)});
  return problems;
}

}  // namespace

CommandLine parse_command_line(const std::vector<std::string>& args) {
  ExpandedArguments expanded = expand_arguments(args);
  CommandLine line;
  std::vector<Problem> problems = expanded.problems;
  const FlagValues values = read_values(expanded);
  const bool unknown_flags = !problems.empty();  // their values would be taken for words
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (!values[i]) continue;
    FlagSetter setter(flags()[i], expanded.spelling.find(flags()[i].name)->second, *values[i], line);
    if (std::optional<Problem> problem = setter.set()) problems.push_back(std::move(*problem));
  }
  line.given = std::move(expanded.given);
  line.words = std::move(expanded.words);
  if (std::find(line.words.begin(), line.words.end(), "") != line.words.end())
    problems.push_back({"command line", "a word is empty", "is a variable of the shell not set?"});
  if (!unknown_flags) {
    for (Problem& problem : take_subcommand(line)) problems.push_back(std::move(problem));
    for (const auto& [name, spelling] : expanded.spelling)
      if (!has_use_for(line.command, name))
        problems.push_back({spelling, fmt::format("has no meaning for {}", subcommand_of(line.command).spelling), ""});
    for (Problem& problem : measuring_problems(line, expanded)) problems.push_back(std::move(problem));
  }
  for (Problem& problem : output_problems(line.options)) problems.push_back(std::move(problem));
  if (!problems.empty() && !line.options.help) throw InputError(std::move(problems));
  return line;
}

}  // namespace perfbench
