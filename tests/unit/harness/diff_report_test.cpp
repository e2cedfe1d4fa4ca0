#include "harness/diff_report.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>

#include "base/text.h"
#include "unit/harness/traces.h"

namespace perfbench {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

Row row_with(std::string model, std::optional<double> step_time_s) {
  Row row{.model = std::move(model), .system = "h100", .stack = "megatron", .num_gpus = 8, .gbs = 16};
  row.step_time_s = step_time_s;
  return row;
}

// One row of each verdict but AMBIGUOUS.
Diff sample_diff() {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const std::vector<Row> before{row_with("same", 1.0), row_with("slow", 10.0), row_with("fast", 10.0),
                                row_with("gone", 1.0), row_with("sick", 1.0)};
  const std::vector<Row> after{row_with("same", 1.0), row_with("slow", 11.0), row_with("fast", 9.0),
                               row_with("sick", nan), row_with("more", 1.0)};
  return diff_rows("old.csv", before, "new.csv", after, {});
}

TEST(DiffTerminal, ShowsWhatIsNotSameWorstFirst) {
  EXPECT_EQ(diff_terminal(sample_diff()),
            "baseline old.csv\n"
            "new      new.csv\n"
            "INVALID   sick pretrain bf16 on 8 x h100, gbs 16, stack megatron, simulated\n"
            "          INVALID   step_time_s 1 -> nan: the new value is nan, no positive number\n"
            "MISSING   gone pretrain bf16 on 8 x h100, gbs 16, stack megatron, simulated\n"
            "          the nearest new row differs in model gone there, more here\n"
            "SLOWER    slow pretrain bf16 on 8 x h100, gbs 16, stack megatron, simulated\n"
            "          SLOWER    step_time_s 10 -> 11, +10.0 % (threshold 2 %)\n"
            "NEW       more pretrain bf16 on 8 x h100, gbs 16, stack megatron, simulated\n"
            "FASTER    fast pretrain bf16 on 8 x h100, gbs 16, stack megatron, simulated\n"
            "          FASTER    step_time_s 10 -> 9, -10.0 % (threshold 2 %)\n"
            "6 rows: 1 SAME, 1 FASTER, 1 NEW, 1 SLOWER, 1 MISSING, 1 INVALID\n");
}

TEST(DiffJson, HoldsEveryRowWithItsNumbers) {
  const Json json = diff_json(sample_diff());
  EXPECT_EQ(json.find("counts")->find("SLOWER")->integer(), 1);
  EXPECT_EQ(json.find("counts")->find("AMBIGUOUS")->integer(), 0);
  const Json::Array& rows = std::get<Json::Array>(json.find("rows")->value);
  ASSERT_EQ(rows.size(), 6u);
  EXPECT_EQ(std::get<std::string>(rows[1].find("model")->value), "slow");
  const Json& metric = std::get<Json::Array>(rows[1].find("metrics")->value).at(0);
  EXPECT_EQ(metric.find("new")->number(), 11.0);
  EXPECT_NEAR(*metric.find("change")->number(), 0.1, 1e-12);
  const Json& sick = std::get<Json::Array>(rows[4].find("metrics")->value).at(0);
  EXPECT_EQ(std::get<std::string>(sick.find("new")->value), "nan");
  EXPECT_TRUE(sick.find("change")->is_null());
}

TEST(DiffJunit, CountsAndMarksEachOutcome) {
  const Diff diff = sample_diff();
  const std::string xml = diff_junit({&diff, 1}, false);
  EXPECT_THAT(xml, HasSubstr("tests=\"6\" failures=\"2\" errors=\"1\" skipped=\"1\""));
  EXPECT_THAT(xml, HasSubstr("<failure message=\"SLOWER: step_time_s 10 -&gt; 11, +10.0 % (threshold 2 %)\""));
  EXPECT_THAT(xml, HasSubstr("<error message=\"INVALID: "));
  EXPECT_THAT(xml, HasSubstr("<skipped message=\"NEW\" type=\"NEW\"/>"));
  EXPECT_THAT(diff_junit({&diff, 1}, true), HasSubstr("failures=\"3\""));
}

TEST(DiffJunit, NamesFromAFileCannotBreakTheXml) {
  const std::vector<Row> rows{row_with("a<b>&\"c\"\x01\xff", 1.0)};
  const Diff diff = diff_rows("o", rows, "n", rows, {});
  EXPECT_THAT(diff_junit({&diff, 1}, false), HasSubstr("name=\"a&lt;b&gt;&amp;&quot;c&quot;?? pretrain"));
}

// Of 20 steps with 1 % of noise, 10 % slower.
TEST(DiffReport, ShowsTheIntervalInEveryForm) {
  Noise noise(1);
  const Row before = measured_row(normal_trace(0.01).steps(noise, 20));
  const Row after = measured_row(normal_trace(0.01).steps(noise, 20), 1.1);
  const Diff diff = diff_rows("old.csv", {&before, 1}, "new.csv", {&after, 1}, {});
  ASSERT_EQ(diff.rows.at(0).verdict, Verdict::slower);
  const Interval interval = diff.rows[0].metrics.at(0).interval.value();
  const std::string text =
      fmt::format("(95 %: {:+.1f} to {:+.1f}; threshold 5 %)", 100.0 * interval.low, 100.0 * interval.high);
  EXPECT_GT(interval.low, 0.05);
  EXPECT_LT(interval.high, 0.15);
  EXPECT_THAT(diff_terminal(diff), HasSubstr(text));
  EXPECT_THAT(diff_junit({&diff, 1}, false), HasSubstr(text));
  EXPECT_THAT(diff_summary({&diff, 1}, false, kMaxSummaryBytes), HasSubstr(text));
  EXPECT_THAT(diff_annotations({&diff, 1}, false), HasSubstr("(95 %25: +"));
  const Json json = diff_json(diff);
  const Json& row = std::get<Json::Array>(json.find("rows")->value).at(0);
  const Json& metric = std::get<Json::Array>(row.find("metrics")->value).at(0);
  const Json::Array& ends = std::get<Json::Array>(metric.find("interval")->value);
  EXPECT_EQ(ends.at(0).number(), interval.low);
  EXPECT_EQ(ends.at(1).number(), interval.high);
}

TEST(DiffReport, ShowsAValueThatTheBaselineLacks) {
  Row after = row_with("a", 1.0);
  after.peak_memory_gib = 60.0;
  const Row before = row_with("a", 1.0);
  const Diff diff = diff_rows("old.csv", {&before, 1}, "new.csv", {&after, 1}, {});
  EXPECT_THAT(diff_terminal(diff), HasSubstr("NEW       peak_memory_gib - -> 60: the baseline has no value"));
  EXPECT_THAT(dump_json(diff_json(diff)), HasSubstr("\"reason\": \"the baseline has no value\""));
}

TEST(DiffSummary, StaysBelowItsLimitAndSaysWhatIsLeftOut) {
  std::vector<Row> before, after;
  for (int i = 0; i < 10000; ++i) {
    before.push_back(row_with("model_" + std::to_string(i), 10.0));
    after.push_back(row_with("model_" + std::to_string(i), i == 9999 ? -1.0 : 11.0));
  }
  const Diff diff = diff_rows("old.csv", before, "new.csv", after, {});
  const std::string text = diff_summary({&diff, 1}, false, kMaxSummaryBytes);
  EXPECT_LE(text.size(), kMaxSummaryBytes);
  EXPECT_GT(text.size(), kMaxSummaryBytes / 2);
  EXPECT_LT(text.find("| INVALID | model_9999 "), text.find("| SLOWER | model_0 "));  // the worst is never cut
  const std::size_t shown =
      static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n')) - 8;  // lines around the rows
  EXPECT_NE(text.find("\n" + std::to_string(10000 - shown) + " more rows are left out"), std::string::npos);
  EXPECT_EQ(diff_summary({&diff, 1}, false, 10), "");
}

TEST(DiffSummary, TellsTheOutcomeAndEscapesTableCells) {
  const std::vector<Row> before{row_with("a|<b>", 10.0)}, after{row_with("a|<b>", 11.0)};
  const Diff diff = diff_rows("old.csv", before, "new.csv", after, {});
  const std::string text = diff_summary({&diff, 1}, false, kMaxSummaryBytes);
  EXPECT_THAT(text, HasSubstr("## perfbench diff: failed\n\n- new.csv against old.csv: 1 row: 1 SLOWER\n"));
  EXPECT_THAT(text, HasSubstr("| SLOWER | a\\|&lt;b> pretrain"));
}

TEST(DiffAnnotations, AreTenOfAKindAtMostAndEscaped) {
  std::vector<Row> before, after;
  for (int i = 0; i < 20; ++i) {
    before.push_back(row_with("model_" + std::to_string(i), 10.0));
    after.push_back(row_with("model_" + std::to_string(i), 11.0));
  }
  const Diff diff = diff_rows("old.csv", before, "new.csv", after, {});
  const std::string text = diff_annotations({&diff, 1}, false);
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 10);
  EXPECT_THAT(text, ::testing::StartsWith("::error title=perfbench SLOWER::model_0 pretrain"));
  EXPECT_THAT(text, HasSubstr("+10.0 %25 (threshold 2 %25)"));
  const Diff same = diff_rows("old.csv", before, "new.csv", before, {});
  EXPECT_EQ(diff_annotations({&same, 1}, true), "");
}

TEST(DiffReport, DependsOnTheRowsAlone) {
  const Diff a = sample_diff(), b = sample_diff();
  EXPECT_EQ(dump_json(diff_json(a)), dump_json(diff_json(b)));
  EXPECT_EQ(diff_junit({&a, 1}, false), diff_junit({&b, 1}, false));
}

}  // namespace
}  // namespace perfbench
