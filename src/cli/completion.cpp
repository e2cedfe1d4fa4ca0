#include "cli/completion.h"

#include <fmt/format.h>

#include <map>

#include "base/text.h"
#include "cli/commands.h"
#include "cli/flags.h"
#include "cli/listing.h"
#include "cli/output.h"
#include "cli/subcommands.h"
#include "cli/texts.h"

namespace perfbench {
namespace {

std::string bare(std::string_view spelling) {
  std::string text(spelling.substr(spelling.find_first_not_of('-')));
  for (char& c : text)
    if (c == '-') c = '_';
  return text;
}

// "model|m": the spellings of a flag without dashes, as a pattern of `case`.
std::string pattern(const Flag& flag) {
  std::vector<std::string> names{std::string(flag.name)};
  for (const std::string& alias : split(flag.aliases, ' '))
    if (!alias.empty() && bare(alias) != flag.name) names.push_back(bare(alias));
  return join(names, "|");
}

// The line that completes the flag's value; empty: anything goes there, or it takes none.
std::string value_line(const Flag& flag) {
  const auto words = [](std::string_view of) { return fmt::format("_perfbench_words \"{}\" \"$cur\"; return", of); };
  if (flag.name == "model") return words("$(_perfbench_names models)");
  if (flag.name == "gpu") return words("$(_perfbench_names systems)");
  if (flag.name == "stack") return words("$(_perfbench_names stacks)");
  if (!flag.choices.empty()) return words(flag.choices);
  if (flag.kind == FlagKind::boolean) return words("true false");
  if (flag.value == "FILE") return "_perfbench_files \"$cur\"; return";
  if (flag.value == "DIR") return "_perfbench_folders \"$cur\"; return";
  const bool takes_value = flag.kind != FlagKind::on && flag.kind != FlagKind::optional_integer;
  return takes_value ? "return" : "";
}

std::string value_cases() {
  std::string text =
      "  if [[ $prev == -* ]]; then\n    prev=\"${prev#-}\" prev=\"${prev#-}\"\n    case \"${prev//-/_}\" in\n";
  for (const Flag& flag : flags()) {
    const std::string line = value_line(flag);
    if (!line.empty()) text += fmt::format("      {}) {} ;;\n", pattern(flag), line);
  }
  return text + "    esac\n  fi\n";
}

std::string flag_words(Command command) {
  std::vector<std::string> words;
  for (const Flag& flag : flags()) {
    if (!has_use_for(command, flag.name)) continue;
    words.push_back("--" + std::string(flag.name));
    for (const std::string& alias : split(flag.aliases, ' '))
      if (!alias.empty()) words.push_back(alias);
  }
  return join(words, " ");
}

// First words of subcommands, each with the words that may follow where it has two ("show" -> "program").
std::map<std::string, std::vector<std::string>> first_words() {
  std::map<std::string, std::vector<std::string>> words;
  for (const Subcommand& subcommand : subcommands()) {
    if (subcommand.command == Command::row) continue;
    const std::vector<std::string> spelled = split(subcommand.spelling, ' ');
    std::vector<std::string>& following = words[spelled.front()];
    following.insert(following.end(), spelled.begin() + 1, spelled.end());
  }
  return words;
}

// What stands for the words after a subcommand.
std::string argument_line(Words words) {
  switch (words) {
    case Words::none:
      return ":";
    case Words::files:
      return "_perfbench_files \"$cur\"";
    case Words::systems:
      return "_perfbench_words \"$(_perfbench_names systems)\" \"$cur\"";
    case Words::listings:
      return fmt::format("_perfbench_words \"{}\" \"$cur\"", join(listing_names(), " "));
    case Words::shells:
      return "_perfbench_words \"bash\" \"$cur\"";
  }
  return ":";
}

// Puts the second word of a subcommand, too, into $command, and completes it while it is being typed.
std::string second_word_cases() {
  std::string text = "  case \"$command\" in\n";
  for (const auto& [first, following] : first_words()) {
    if (following.empty()) continue;
    text += fmt::format(
        "    {}) if ((COMP_CWORD == 2)); then _perfbench_words \"{}\" \"$cur\"; return; fi\n"
        "      command+=\" ${{COMP_WORDS[2]}}\" ;;\n",
        first, join(following, " "));
  }
  return text + "  esac\n";
}

std::string case_of(const std::string& what, Command command, const std::string& argument) {
  return fmt::format(
      "    {})\n      if [[ $cur == -* ]]; then _perfbench_words \"{}\" \"$cur\"\n      else {}; fi ;;\n", what,
      flag_words(command), argument);
}

std::string subcommand_cases() {
  std::vector<std::string> firsts;
  for (const auto& [first, following] : first_words()) firsts.push_back(first);
  std::string text =
      fmt::format("  if ((COMP_CWORD == 1)) && [[ $cur != -* ]]; then _perfbench_words \"{}\" \"$cur\"; return; fi\n",
                  join(firsts, " "));
  text += second_word_cases() + "  case \"$command\" in\n";
  for (const Subcommand& subcommand : subcommands())
    if (subcommand.command != Command::row)
      text += case_of(fmt::format("\"{}\"", subcommand.spelling), subcommand.command, argument_line(subcommand.words));
  return text + case_of("*", Command::row, ":") + "  esac\n";
}

}  // namespace

ExitCode run_completion(const CommandLine& line) {
  if (line.words.size() == 1 && line.words.front() == "bash") return print(bash_completion());
  throw InputError("completion",
                   line.words.empty() ? "needs a shell" : fmt::format("knows no shell \"{}\"", join(line.words, " ")),
                   "perfbench completion bash");
}

std::string bash_completion() {
  return with_lines(completion_template(), "{cases}", value_cases() + subcommand_cases());
}

}  // namespace perfbench
