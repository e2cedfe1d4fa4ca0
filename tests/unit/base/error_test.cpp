#include "base/error.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "base/first_problem.h"

namespace perfbench {
namespace {

TEST(FormatProblems, EachProblemHasItsPlaceRuleAndHint) {
  EXPECT_EQ(format_problems({{"t.csv:12: tp", "tp 8 does not divide num_gpus 12", "use 4"}, {"", "no model", ""}}),
            "perfbench: error: t.csv:12: tp: tp 8 does not divide num_gpus 12\n"
            "  hint: use 4\n"
            "perfbench: error: no model\n");
}

TEST(FormatProblems, ControlCharactersOfAFileDoNotReachTheTerminal) {
  EXPECT_EQ(format_problems({{"a\nb.csv", "unknown model \x1b[31mx\t\x7f", ""}}),
            "perfbench: error: a\\nb.csv: unknown model \\x1b[31mx\\x09\\x7f\n");
}

TEST(FormatProblems, AHintMayHaveSeveralLines) {
  EXPECT_EQ(format_problems({{"", "rule", "one\ntwo"}}), "perfbench: error: rule\n  hint: one\n        two\n");
}

// Cut first, half a secret would be left.
TEST(FormatProblems, SecretsGoBeforeAPartIsCut) {
  const std::string padding(3990, 'x');
  const std::string text = format_problems({{"a", padding + " http://user:SEKRET@host", "hf_SEKRETabcdefghijklmnop"}});
  EXPECT_EQ(text.find("SEKRET"), std::string::npos);
  EXPECT_TRUE(text.ends_with("  hint: [redacted]\n"));
}

TEST(FormatProblems, AHugePartIsCutBetweenCharacters) {
  std::string cell = "x";
  for (int i = 0; i < 100000; ++i) cell += "\xC3\xA9";  // two bytes each, so that the limit falls inside one
  const std::string text = format_problems({{"", cell, ""}});
  EXPECT_LT(text.size(), 5000U);
  EXPECT_TRUE(text.ends_with("\xC3\xA9...\n"));
}

TEST(FormatProblems, BeyondAHundredTheyAreCounted) {
  const auto lines = [](std::size_t problems) {
    const std::string text = format_problems(std::vector<Problem>(problems, {"t.csv", "wrong", ""}));
    return std::pair(std::count(text.begin(), text.end(), '\n'), text.substr(text.rfind('\n', text.size() - 2) + 1));
  };
  EXPECT_EQ(lines(101), std::pair(std::ptrdiff_t{101}, std::string("perfbench: error: t.csv: wrong\n")));
  EXPECT_EQ(lines(102), std::pair(std::ptrdiff_t{101}, std::string("perfbench: error: and 2 more problems\n")));
  EXPECT_EQ(lines(512), std::pair(std::ptrdiff_t{101}, std::string("perfbench: error: and 412 more problems\n")));
}

TEST(Error, EachKindHasItsExitStatus) {
  EXPECT_EQ(InputError("w", "r").code(), ExitCode::bad_input);
  EXPECT_EQ(RunError("w", "r").code(), ExitCode::run_failed);
  EXPECT_EQ(EnvironmentError("w", "r").code(), ExitCode::environment);
  EXPECT_EQ(static_cast<int>(ExitCode::bad_input), 2);
  EXPECT_EQ(static_cast<int>(ExitCode::environment), 4);
}

TEST(Error, WhatIsTheWholeMessage) {
  const InputError error({{"a", "first", ""}, {"b", "second", "h"}});
  EXPECT_STREQ(error.what(), "perfbench: error: a: first\nperfbench: error: b: second\n  hint: h\n");
  ASSERT_EQ(error.problems().size(), 2U);
  EXPECT_EQ(error.problems()[1].what, "second");
}

TEST(FirstProblem, SaysHowManyMoreThereAre) {
  EXPECT_EQ(first_and_more("tp 8", 1), "tp 8");
  EXPECT_EQ(first_and_more("tp 8", 3), "tp 8 (and 2 more)");
}

TEST(Check, ThrowsOnlyWhenFalse) {
  EXPECT_NO_THROW(check(true, "fine"));
  EXPECT_THROW(check(false, "broken"), std::logic_error);
}

}  // namespace
}  // namespace perfbench
