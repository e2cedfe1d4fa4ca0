#include "cli/subcommands.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "base/text.h"
#include "cli/flags.h"
#include "cli/flags_parse.h"
#include "cli/texts.h"

namespace perfbench {
namespace {

using testing::ElementsAre;

// A name in the table that is no flag would be ignored in silence.
TEST(Subcommands, NameFlagsThatThereAre) {
  for (const Subcommand& subcommand : subcommands()) {
    EXPECT_EQ(&subcommand_of(subcommand.command), &subcommand);
    for (const std::string& word : split(subcommand.flags, ' ')) {
      if (word.empty() || word == "@job") continue;
      const std::string name = word.substr(word.front() == '-' ? 1 : 0);
      const bool known = std::ranges::any_of(flags(), [&](const Flag& flag) { return flag.name == name; });
      EXPECT_TRUE(known) << subcommand.spelling << ": " << word;
      EXPECT_EQ(has_use_for(subcommand.command, name), word.front() != '-') << subcommand.spelling << ": " << word;
    }
  }
}

TEST(Subcommands, AllGiveHelp) {
  for (const Subcommand& subcommand : subcommands()) {
    EXPECT_TRUE(has_use_for(subcommand.command, "help")) << subcommand.spelling;
    EXPECT_TRUE(has_use_for(subcommand.command, "version")) << subcommand.spelling;
  }
}

TEST(Subcommands, TakeTheFlagsOfAJobByOneWord) {
  for (const char* flag : {"model", "gpu", "finetuning", "tensor_parallel_size", "seq_len", "lora_targets"}) {
    EXPECT_TRUE(has_use_for(Command::show_program, flag)) << flag;
    EXPECT_FALSE(has_use_for(Command::sweep, flag)) << flag;
  }
  EXPECT_FALSE(has_use_for(Command::verify, "model"));
  EXPECT_FALSE(has_use_for(Command::calibrate, "use_sharp"));
  EXPECT_FALSE(has_use_for(Command::show_program, "mode"));
}

TEST(Subcommands, AreFoundByTheirWords) {
  EXPECT_EQ(parse_command_line({"baseline", "check", "h100"}).command, Command::baseline_check);
  EXPECT_THAT(parse_command_line({"baseline", "check", "h100"}).words, ElementsAre("h100"));
  CommandLine line;
  line.words = {"the", "main", "form"};
  EXPECT_FALSE(take_subcommand(line).empty());
}

// Words of a flag and the values that they stand for are two lists.
TEST(Choices, EachWordOfAFlagStandsForAValue) {
  for (const Flag& flag : flags()) {
    const std::string name = "--" + std::string(flag.name);
    for (const std::string& word : split(flag.choices, ' ')) {
      if (word.empty()) continue;
      std::vector<std::string> args{name, word};
      if (flag.name == "stage") args.insert(args.end(), {"--mode", "slice"});
      if (flag.group == FlagGroup::measuring && flag.name != "stage") args.insert(args.end(), {"--mode", "measure"});
      if (flag.name == "format") args = {"import", "file", name, word};
      EXPECT_NO_THROW(parse_command_line(args)) << name << " " << word;
    }
  }
  EXPECT_EQ(word_of(*parse_choice<Mode>("auto")), "auto");
  EXPECT_EQ(parse_choice<Device>("tpu"), std::nullopt);
}

TEST(Texts, AMarkIsALineOfItsOwn) {
  EXPECT_EQ(with_lines("a\n{x}\nb {x}\n", "{x}", "1\n2\n"), "a\n1\n2\nb {x}\n");
  EXPECT_THROW(with_lines("a {x}\n", "{x}", ""), std::logic_error);
}

}  // namespace
}  // namespace perfbench
