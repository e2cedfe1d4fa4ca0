#include "base/text.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

namespace perfbench {
namespace {

using Names = std::vector<std::string>;

TEST(Text, TrimTakesAwayOuterSpaceOnly) {
  EXPECT_EQ(trim(" \t a b\r\n"), "a b");
  EXPECT_EQ(trim(" \t "), "");
  EXPECT_EQ(trim(""), "");
}

TEST(Text, SplitKeepsEmptyParts) {
  EXPECT_EQ(split("a,,b,", ','), (Names{"a", "", "b", ""}));
  EXPECT_EQ(split("", ','), (Names{""}));
  EXPECT_EQ(join(split("a,,b,", ','), ","), "a,,b,");
  EXPECT_EQ(join({}, ","), "");
}

TEST(ParseInt, AcceptsWhatTablesHold) {
  EXPECT_EQ(parse_int("8"), 8);
  EXPECT_EQ(parse_int(" 8 "), 8);
  EXPECT_EQ(parse_int("8.0"), 8);
  EXPECT_EQ(parse_int("+8"), 8);
  EXPECT_EQ(parse_int("-1,024"), -1024);
  EXPECT_EQ(parse_int("1,048,576.00"), 1048576);
  EXPECT_EQ(parse_int("9223372036854775807"), std::numeric_limits<std::int64_t>::max());
  EXPECT_EQ(parse_int("-9223372036854775808"), std::numeric_limits<std::int64_t>::min());
}

TEST(ParseInt, RefusesEverythingElse) {
  for (const char* text : {"",
                           " ",
                           "-",
                           "+",
                           "8.5",
                           "8x",
                           "8 8",
                           "8.",
                           ".0",
                           "0x10",
                           "1e3",
                           "+-8",
                           "--8",
                           "nan",
                           "inf",
                           "9223372036854775808",
                           "-9223372036854775809",
                           "1,02",
                           "1,0245",
                           ",024",
                           "1,,024",
                           "1024,",
                           "1234,567",
                           "1,024.0,0",
                           "8.0.0",
                           "n/a"}) {
    EXPECT_EQ(parse_int(text), std::nullopt) << '"' << text << '"';
  }
  EXPECT_EQ(parse_int(std::string_view("8\0", 2)), std::nullopt);
}

TEST(ParseDouble, AcceptsWhatTablesHold) {
  EXPECT_EQ(parse_double("1,022.26"), 1022.26);
  EXPECT_EQ(parse_double("1e-3"), 0.001);
  EXPECT_EQ(parse_double("-0.5"), -0.5);
  EXPECT_EQ(parse_double("+.5"), 0.5);
  EXPECT_EQ(parse_double("1,000e2"), 100000.0);
}

TEST(ParseDouble, RefusesEverythingElse) {
  for (const char* text : {"", "-", "nan", "NaN", "inf", "-infinity", "1e999", "0x1p3", "1.5x", "1.5,000", "1,02.5",
                           "1 5", "+-1", "1e", "e5"}) {
    EXPECT_EQ(parse_double(text), std::nullopt) << '"' << text << '"';
  }
}

TEST(ParseBool, KnowsTheSpellingsOfFlags) {
  for (const char* text : {"true", "TRUE", "1", "t", "Yes", "y"}) EXPECT_EQ(parse_bool(text), true) << text;
  for (const char* text : {"false", "False", "0", "F", "no", "N"}) EXPECT_EQ(parse_bool(text), false) << text;
  for (const char* text : {"", "2", "on", "tru", "01"}) EXPECT_EQ(parse_bool(text), std::nullopt) << text;
}

TEST(IsUnset, KnowsTheSpellingsOfTables) {
  for (const char* text : {"", "  ", "-", "n/a", "N/A", "NA"}) EXPECT_TRUE(is_unset(text)) << text;
  for (const char* text : {"0", "--", "none", "nan"}) EXPECT_FALSE(is_unset(text)) << text;
}

TEST(Nearest, ClosestFirstThenByName) {
  const Names gpus{"h200", "h100", "b200", "gb200", "gb300", "a100"};
  EXPECT_EQ(nearest("h10", gpus), (Names{"h100"}));
  EXPECT_EQ(nearest("H100", gpus, 1), (Names{"h100"}));
  EXPECT_EQ(nearest("h300", gpus), (Names{"h100", "h200"}));
}

TEST(Nearest, SwappedNeighboursAreOneEdit) {
  EXPECT_EQ(nearest("ba", Names{"ab"}), (Names{"ab"}));
  EXPECT_EQ(nearest("seq_lne", Names{"seq_len", "seq_lanes"}, 1), (Names{"seq_len"}));
}

TEST(Nearest, PartsOfNamesCount) {
  const Names models{"llama3_70b", "llama3_8b", "mixtral_8x7b"};
  EXPECT_EQ(nearest("70b", models), (Names{"llama3_70b"}));
  EXPECT_EQ(nearest("llama", models), (Names{"llama3_8b", "llama3_70b"}));
  EXPECT_EQ(nearest("llama3_70b_instruct", models), (Names{"llama3_70b"}));
}

TEST(Nearest, LeavesOutWhatWasNotMeant) {
  const Names models{"llama3_70b", "llama3_8b", "x"};
  EXPECT_TRUE(nearest("gpt", models).empty());
  EXPECT_TRUE(nearest("", models).empty());
  EXPECT_TRUE(nearest("y", models).empty());
  EXPECT_TRUE(nearest(std::string(1000000, 'l'), models).empty());
  EXPECT_TRUE(nearest("llama3_8b", models, 0).empty());
  EXPECT_EQ(nearest("llama3_8b", Names{"llama3_8b", "llama3_8b"}), (Names{"llama3_8b"}));
}

TEST(NearestHint, NamesTheNearOrAll) {
  EXPECT_EQ(nearest_hint("h10", Names{"h100", "b200"}), "did you mean h100?");
  EXPECT_EQ(nearest_hint("mi300x", Names{"h100", "b200"}), "valid: h100, b200");
  EXPECT_EQ(nearest_hint("x", Names{}), "");
  Names many;
  for (int i = 0; i < 100; ++i) many.push_back("name" + std::to_string(i));
  const std::string hint = nearest_hint("zz", many);
  EXPECT_TRUE(hint.ends_with("name19, ... (100 in all)")) << hint;
}

TEST(FormatDouble, IsShortAndReadsBackEqual) {
  EXPECT_EQ(format_double(0.1), "0.1");
  EXPECT_EQ(format_double(1621), "1621");
  EXPECT_EQ(format_double(100000), "100000");
  EXPECT_EQ(format_double(9.895e14), "989500000000000");
  EXPECT_EQ(format_double(1e-6), "1e-06");
  EXPECT_EQ(format_double(1e15), "1e+15");
  EXPECT_EQ(format_double(0), "0");
  EXPECT_EQ(format_double(std::nan("")), "nan");
  EXPECT_EQ(format_double(-std::nan("")), "nan");
  EXPECT_EQ(format_double(-INFINITY), "-inf");
  for (const double value : {1.0 / 3.0, 1022.26, 5e-324, std::numeric_limits<double>::max(), 123456.789e-7, -2.5e-5}) {
    EXPECT_EQ(parse_double(format_double(value)), value);
  }
}

}  // namespace
}  // namespace perfbench
