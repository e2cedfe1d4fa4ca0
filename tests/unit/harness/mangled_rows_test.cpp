// Rows whose file was damaged: every cell, emptied or replaced by something else, is refused by name, or read as it
// stands; and what `diff` would look at, it tells.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <optional>
#include <set>

#include "base/csv.h"
#include "base/random.h"
#include "harness/diff.h"
#include "rows/metrics.h"
#include "rows/writers.h"
#include "unit/harness/traces.h"
#include "unit/rows/sample.h"

namespace perfbench {
namespace {

using testing::HasSubstr;

Row whole_row() {
  Row row = sample_row();
  Noise noise(1);
  row.method = Method::measured;
  row.repeats_s.clear();
  row.samples_s = normal_trace(0.01).steps(noise, 20);
  for (double& seconds : row.samples_s) seconds *= 2.5;
  row.feature = "cp";
  row.reason = "a reason";
  return row;
}

// What `diff` matches and judges by. Of the rest it says nothing, whatever it is.
bool counts(const Metric& metric) {
  static const std::set<std::string_view> kRead = {"schema_version",   "method", "status",
                                                   "flops_convention", "window", "samples_s"};
  const auto compared = compared_metrics();
  return metric.group == MetricGroup::asked || kRead.contains(metric.name) ||
         std::any_of(compared.begin(), compared.end(), [&](const ComparedMetric& m) { return m.name == metric.name; });
}

// A row with one damaged value: nothing when that is refused, which then must name it.
using Read = std::function<Row()>;

std::optional<Row> read_or_refused(const Read& read, const Metric& metric, const std::string& what) {
  try {
    return read();
  } catch (const InputError& error) {
    for (const Problem& problem : error.problems())
      EXPECT_THAT(problem.where + problem.what, HasSubstr(metric.name)) << what;
    return std::nullopt;
  }
}

void expect_told(const Row& whole, const Row& damaged, const Metric& metric, const std::string& what) {
  try {
    const Diff diff = diff_rows("old.csv", {&whole, 1}, "new.csv", {&damaged, 1}, {});
    EXPECT_NE(diff.rows.at(0).verdict, Verdict::same) << what;
  } catch (const InputError& error) {
    EXPECT_THAT(error.what(), HasSubstr(metric.name)) << what;
  }
}

// Every other value must be as it was, and a difference that counts is told, whichever side has it.
void expect_refused_or_told(const Read& read, const Metric& damaged, const std::string& what) {
  const Row whole = whole_row();
  const std::optional<Row> row = read_or_refused(read, damaged, what);
  if (!row) return;
  for (const Metric& metric : metrics()) {
    if (metric.name != damaged.name) {
      EXPECT_EQ(dump_json(metric.get(*row)), dump_json(metric.get(whole))) << what;
    }
  }
  if (!counts(damaged) || dump_json(damaged.get(*row)) == dump_json(damaged.get(whole))) return;
  expect_told(whole, *row, damaged, what);
  expect_told(*row, whole, damaged, what);
}

std::string csv_with(const Metric& damaged, const std::string& cell) {
  std::vector<std::string> names, cells;
  const CsvTable table = parse_csv(rows_csv(std::vector<Row>{whole_row()}), "rows.csv");
  for (std::size_t i = 0; i < table.header.size(); ++i) {
    names.push_back(table.header[i]);
    cells.push_back(table.header[i] == damaged.name ? cell : table.rows.at(0).cells[i]);
  }
  return csv_line(names) + csv_line(cells);
}

std::string random_text(std::uint64_t place) {
  constexpr std::string_view kBytes = "019.,:-+eE[]{}\"'\\ \n\tnulltrue\xC3\xA4\xFF";
  std::string text;
  for (std::uint64_t i = 0; i < 1 + random_at(1, place) % 12; ++i)
    text += kBytes[random_at(2, 100 * place + i) % kBytes.size()];
  return text;
}

TEST(MangledRows, OfCsvAreRefusedByNameOrTold) {
  std::vector<std::string> cells = {
      "",       " ",    "?",  "-",  "0",      "-1",    "1",    "1e999", "1e-320", "nan", "-inf",
      "null",   "true", "[]", "{}", "[null]", "[1,2]", "[-1]", "[1,",   "\"ok\"", "7.5", "9999999999999999999999",
      "unknown"};
  for (std::uint64_t place = 0; place < 40; ++place) cells.push_back(random_text(place));
  for (const Metric& metric : metrics())
    for (const std::string& cell : cells)
      expect_refused_or_told([&] { return parse_rows_csv(csv_with(metric, cell), "rows.csv").at(0); }, metric,
                             std::string(metric.name) + "=" + cell);
}

TEST(MangledRows, OfJsonAreRefusedByNameOrTold) {
  const Json values[] = {nullptr,
                         true,
                         0,
                         -1,
                         1.5,
                         std::int64_t{1} << 40U,
                         "",
                         "unknown",
                         Json::Array{},
                         Json::Array{nullptr},
                         Json::Array{-1.0, 2.0},
                         Json::Object{},
                         Json::Object{{"stage", 1}},
                         Json::Array{Json::Object{{"stage", std::int64_t{1} << 40U}, {"category", "x"}, {"gib", 1}}}};
  for (const Metric& metric : metrics())
    for (const Json& value : values) {
      Json json = to_json(whole_row());
      for (auto& [key, old] : std::get<Json::Object>(json.value))
        if (key == metric.name) old = value;
      expect_refused_or_told([&] { return row_from_json(json, "rows.json"); }, metric,
                             std::string(metric.name) + " = " + dump_json(value, -1));
    }
}

TEST(MangledRows, LackNothingThatEveryRowHas) {
  for (const char* name : {"schema_version", "method", "status", "task", "precision", "fsdp", "flops_convention"}) {
    const Metric& metric = *find_metric(name);
    EXPECT_THROW(parse_rows_csv(csv_with(metric, ""), "rows.csv"), InputError) << name;
    EXPECT_THROW(parse_rows_csv(csv_with(metric, "unknown"), "rows.csv"), InputError) << name;
  }
}

// A number that no int holds would else be another stage.
TEST(MangledRows, HaveStagesFrom0) {
  for (const std::string stage : {"-1", "1099511627776", "0.5", "null"}) {
    const std::string cell = R"([{"stage":)" + stage + R"(,"category":"states","gib":1.0}])";
    EXPECT_THROW(parse_rows_csv(csv_with(*find_metric("memory"), cell), "rows.csv"), InputError) << stage;
  }
}

TEST(MangledRows, HaveEachColumnOnce) {
  std::string csv = rows_csv(std::vector<Row>{whole_row()});
  csv.replace(csv.find("status"), 6, "method");
  try {
    parse_rows_csv(csv, "rows.csv");
    FAIL() << "read";
  } catch (const InputError& error) {
    EXPECT_THAT(error.what(), HasSubstr("rows.csv:1: method: columns 2 and 3 have the same name"));
  }
}

}  // namespace
}  // namespace perfbench
