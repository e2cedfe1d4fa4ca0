#include "base/table.h"

#include <gtest/gtest.h>

#include <stdexcept>

namespace perfbench {
namespace {

TextTable prices() {
  return {
      .header = {"Model", "Tokens"}, .rows = {{"llama3_70b", "1,621"}, {"a|b", ""}}, .right_aligned = {false, true}};
}

TEST(Markdown, HasAnAlignmentLineAndEscapedPipes) {
  EXPECT_EQ(to_markdown(prices()),
            "| Model | Tokens |\n"
            "| --- | ---: |\n"
            "| llama3_70b | 1,621 |\n"
            "| a\\|b |  |\n");
}

TEST(Terminal, PadsColumnsAndLeavesNoTrailingSpace) {
  EXPECT_EQ(to_terminal(prices()),
            "Model       Tokens\n"
            "----------  ------\n"
            "llama3_70b   1,621\n"
            "a|b\n");
}

TEST(Terminal, CountsCharactersNotBytes) {
  EXPECT_EQ(to_terminal({.header = {"t", "u"}, .rows = {{"\xC2\xB5s", "x"}, {"ms", "y"}}, .right_aligned = {}}),
            "t   u\n"
            "--  -\n"
            "\xC2\xB5s  x\n"
            "ms  y\n");
}

TEST(TextTable, ACellStaysOnItsLine) {
  const TextTable table{.header = {"a"}, .rows = {{"x\r\ny\x1b"}}, .right_aligned = {}};
  EXPECT_EQ(to_markdown(table), "| a |\n| --- |\n| x  y  |\n");
  EXPECT_EQ(to_terminal(table), "a\n-----\nx  y\n");
}

TEST(TextTable, AShapeThatDoesNotFitIsAMistakeOfTheProgram) {
  EXPECT_THROW(to_markdown({.header = {"a"}, .rows = {{"1", "2"}}, .right_aligned = {}}), std::logic_error);
  EXPECT_THROW(to_terminal({.header = {"a"}, .rows = {}, .right_aligned = {true, false}}), std::logic_error);
}

}  // namespace
}  // namespace perfbench
