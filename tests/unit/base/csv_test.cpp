#include "base/csv.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace perfbench {
namespace {

using Cells = std::vector<std::string>;

// "where: what" of each problem; empty when the text is sound.
Cells faults(std::string_view text) {
  try {
    parse_csv(text, "t.csv");
  } catch (const InputError& error) {
    Cells out;
    for (const Problem& problem : error.problems()) out.push_back(problem.where + ": " + problem.what);
    return out;
  }
  return {};
}

TEST(Csv, ReadsQuotedCells) {
  const CsvTable table = parse_csv("name,note\na,\"x, \"\"y\"\"\"\n", "t.csv");
  EXPECT_EQ(table.file, "t.csv");
  EXPECT_EQ(table.header, (Cells{"name", "note"}));
  ASSERT_EQ(table.rows.size(), 1U);
  EXPECT_EQ(table.rows[0].cells, (Cells{"a", "x, \"y\""}));
}

TEST(Csv, AMarkCrlfAndSpacesDoNotMatter) {
  const CsvTable table = parse_csv("\xEF\xBB\xBF a ,\tb\r\n 1 ,\" 2 \"\r\n", "t.csv");
  EXPECT_EQ(table.header, (Cells{"a", "b"}));
  ASSERT_EQ(table.rows.size(), 1U);
  EXPECT_EQ(table.rows[0].cells, (Cells{"1", " 2 "}));
}

TEST(Csv, TheLastLineNeedsNoBreak) {
  const CsvTable table = parse_csv("a,b\n1,2", "t.csv");
  ASSERT_EQ(table.rows.size(), 1U);
  EXPECT_EQ(table.rows[0].cells, (Cells{"1", "2"}));
}

TEST(Csv, LinesAreCountedOverBlankLinesAndBreaksInCells) {
  const CsvTable table = parse_csv("\n  \na,b\r\n\r\n1,\"x\r\ny\n\nz\"\r\n , \n2,w\n\n", "t.csv");
  EXPECT_EQ(table.header, (Cells{"a", "b"}));
  ASSERT_EQ(table.rows.size(), 2U);
  EXPECT_EQ(table.rows[0].line, 5);
  EXPECT_EQ(table.rows[0].cells, (Cells{"1", "x\r\ny\n\nz"}));
  EXPECT_EQ(table.rows[1].line, 10);
}

TEST(Csv, LoneCarriageReturnsBreakLines) {
  const CsvTable table = parse_csv("a,b\r1,2\r\r3,4", "t.csv");
  ASSERT_EQ(table.rows.size(), 2U);
  EXPECT_EQ(table.rows[1].line, 4);
}

TEST(Csv, ShortRowsAreFilledAndTrailingCommasDropped) {
  const CsvTable table = parse_csv("a,b,c,,\n1\n1,2,3,\n1,2,3, ,\n", "t.csv");
  EXPECT_EQ(table.header, (Cells{"a", "b", "c"}));
  ASSERT_EQ(table.rows.size(), 3U);
  EXPECT_EQ(table.rows[0].cells, (Cells{"1", "", ""}));
  EXPECT_EQ(table.rows[1].cells, (Cells{"1", "2", "3"}));
  EXPECT_EQ(table.rows[2].cells, (Cells{"1", "2", "3"}));
}

TEST(Csv, AHeaderAloneIsATableWithoutRows) { EXPECT_TRUE(parse_csv("a,b\n", "t.csv").rows.empty()); }

TEST(Csv, RefusesATableWithoutHeader) {
  for (const char* text : {"", "\n\n", "  \n", ",,\n", "\xEF\xBB\xBF"}) {
    EXPECT_EQ(faults(text), (Cells{"t.csv:1: the table is empty"})) << '"' << text << '"';
  }
}

TEST(Csv, RefusesARowWithTooManyCells) {
  EXPECT_EQ(faults("a,b\n1,2\n1,024,2\n"), (Cells{"t.csv:3: the row has 3 cells, the header has 2"}));
}

TEST(Csv, RefusesColumnsWithTheSameOrNoName) {
  EXPECT_EQ(faults("a,,b, a\n"),
            (Cells{"t.csv:1: column 2 has no name", "t.csv:1: a: columns 1 and 4 have the same name"}));
}

TEST(Csv, AnUnclosedQuoteIsFoundWhereItOpens) {
  EXPECT_EQ(faults("a,b\n1,\"x\n2,y\n"), (Cells{"t.csv:2: a quote opens here and is never closed"}));
  EXPECT_EQ(faults("a,b\n\"x\ny\",\"z"), (Cells{"t.csv:3: a quote opens here and is never closed"}));
}

TEST(Csv, AnUnclosedQuoteThatMeetsAnotherIsFoundWhereItOpens) {
  EXPECT_EQ(faults("a,b\n1,\"x\n2,y\n3,\"z\"\n4,5,6\n"),
            (Cells{"t.csv:2: the quoted cell that starts here goes wrong in line 4",
                   "t.csv:5: the row has 3 cells, the header has 2"}));
}

TEST(Csv, RefusesStrayQuotes) {
  EXPECT_EQ(faults("a,b\n5\" disk,x\n\"y\"z,1\n"),
            (Cells{"t.csv:2: quotes must enclose a whole cell; see character 2",
                   "t.csv:3: quotes must enclose a whole cell; see character 4"}));
}

TEST(Csv, RefusesNulAndOverlongLines) {
  using namespace std::string_view_literals;
  EXPECT_EQ(faults("a,b\n1,\0002\n3,4\n\000\n"sv),
            (Cells{"t.csv:2: byte 3 of the line is NUL; a table is plain UTF-8 text",
                   "t.csv:4: byte 1 of the line is NUL; a table is plain UTF-8 text"}));
  const std::string longest((1U << 20U) - 1, 'x');  // and its line feed
  EXPECT_TRUE(faults("a\n" + longest + "\n").empty());
  EXPECT_EQ(faults("a\nx" + longest + "\n"), (Cells{"t.csv:2: the line has 1048577 bytes, the limit is 1048576"}));
}

TEST(Csv, RefusesUtf16) {
  using namespace std::string_view_literals;
  EXPECT_EQ(faults("\xFF\xFE\x61\x00\n\x00"sv), (Cells{"t.csv:1: the file is UTF-16; a table is plain UTF-8 text"}));
}

TEST(Csv, TellsEveryProblemInTheOrderOfTheFile) {
  EXPECT_EQ(faults("a,a\n1,2,3\nx\"y\n1,2,3\n"),
            (Cells{"t.csv:1: a: columns 1 and 2 have the same name", "t.csv:2: the row has 3 cells, the header has 2",
                   "t.csv:3: quotes must enclose a whole cell; see character 2",
                   "t.csv:4: the row has 3 cells, the header has 2"}));
}

TEST(Csv, ABrokenHeaderIsNotTakenFromTheNextLine) {
  EXPECT_EQ(faults("a\"b,c\n1,1,\n1,2,3\n"), (Cells{"t.csv:1: quotes must enclose a whole cell; see character 2"}));
}

TEST(Csv, CountsTheProblemsBeyondAHundred) {
  std::string text = "a\n";
  for (int i = 0; i < 1000; ++i) text += "x\"\n";
  const Cells found = faults(text);
  ASSERT_EQ(found.size(), 101U);
  EXPECT_EQ(found.back(), "t.csv: and 900 more problems");
}

TEST(Csv, AMissingFileIsTheUsersMistake) { EXPECT_THROW(read_csv("/no/such/table.csv"), InputError); }

TEST(CsvLine, QuotesOnlyWhereItMust) {
  EXPECT_EQ(csv_line({"a", "", "1.5"}), "a,,1.5\n");
  EXPECT_EQ(csv_line({"a,b", "c\"d", "e\nf", " g", "h "}), "\"a,b\",\"c\"\"d\",\"e\nf\",\" g\",\"h \"\n");
  EXPECT_EQ(csv_line({}), "\n");
}

TEST(CsvLine, ReadsBackEqual) {
  const Cells cells{"", "a,b", "\"", "\"\"", "x\r\ny", " ", "caf\xC3\xA9", "\ttab", "end"};
  const CsvTable table = parse_csv("a,b,c,d,e,f,g,h,i\n" + csv_line(cells), "t.csv");
  ASSERT_EQ(table.rows.size(), 1U);
  EXPECT_EQ(table.rows[0].cells, cells);
}

}  // namespace
}  // namespace perfbench
