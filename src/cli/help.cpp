#include "cli/help.h"

#include <fmt/format.h>

#include <string_view>
#include <vector>

#include "base/text.h"
#include "cli/flags.h"
#include "cli/subcommands.h"
#include "cli/texts.h"

namespace perfbench {
namespace {

constexpr std::size_t kWidth = 100;  // columns
constexpr std::size_t kNames = 46;   // column at which the sentences start

// `text` broken between words, each further line led by `indent` spaces; the first line starts at column `column`.
std::string wrapped(std::string_view text, std::size_t column, std::size_t indent) {
  std::string out;
  bool first_of_line = true;
  for (const std::string& word : split(text, ' ')) {
    if (!first_of_line && column + 1 + word.size() > kWidth) {
      out += "\n" + std::string(indent, ' ');
      column = indent;
      first_of_line = true;
    }
    if (!first_of_line) out += ' ';
    out += word;
    column += word.size() + (first_of_line ? 0 : 1);
    first_of_line = false;
  }
  return out;
}

// Two columns: `left`, and the sentence beside it, or below it where `left` is too long.
std::string entry(const std::string& left, std::string_view sentence) {
  std::string out = "  " + left;
  const bool beside = out.size() + 2 <= kNames;
  if (!beside) out += "\n";
  out += std::string(beside ? kNames - out.size() : kNames, ' ');
  return out + wrapped(sentence, kNames, kNames) + "\n";
}

std::string flag_entry(const Flag& flag) {
  std::string left;
  for (const std::string& alias : split(flag.aliases, ' '))
    if (!alias.empty()) left += alias + ", ";
  left += "--" + std::string(flag.name);
  if (flag.kind == FlagKind::optional_integer)
    left += fmt::format(" [{}]", flag.value);
  else if (!flag.value.empty())
    left += fmt::format(" {}", flag.value);
  const std::string_view source = title(flag.source);
  return entry(left, source.empty() ? std::string(flag.sentence) : fmt::format("{} [{}]", flag.sentence, source));
}

std::string usage() {
  std::string out;
  for (const Subcommand& subcommand : subcommands()) out += entry(std::string(subcommand.usage), subcommand.sentence);
  return out;
}

std::string flag_list() {
  std::string out;
  for (const FlagGroup group : {FlagGroup::question, FlagGroup::layout, FlagGroup::batch, FlagGroup::precision,
                                FlagGroup::memory, FlagGroup::measuring, FlagGroup::result, FlagGroup::cluster}) {
    out += fmt::format("\n{}:\n", title(group));
    for (const Flag& flag : flags())
      if (flag.group == group) out += flag_entry(flag);
  }
  return out;
}

}  // namespace

std::string help_text() { return with_lines(with_lines(help_template(), "{usage}", usage()), "{flags}", flag_list()); }

}  // namespace perfbench
