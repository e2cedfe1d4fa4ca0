#include "rows/writers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "base/text.h"
#include "rows/metrics.h"
#include "unit/rows/sample.h"

namespace perfbench {
namespace {

using testing::HasSubstr;
using testing::Not;

std::vector<Problem> problems_of(const std::string& csv) {
  try {
    parse_rows_csv(csv, "rows.csv");
  } catch (const InputError& error) {
    return error.problems();
  }
  return {};
}

TEST(RowsCsv, ReadsBackEqual) {
  Row oom = sample_row();
  oom.status = Status::oom;
  oom.feature = "stage 0";
  oom.reason = "needs 91.2 GiB, \"h100\" has 80\nGiB";
  oom.step_time_s = 1.0 / 3.0;
  oom.fsdp = true;
  oom.published.reset();
  const std::vector<Row> rows{sample_row(), oom, Row{}};
  EXPECT_EQ(parse_rows_csv(rows_csv(rows), "rows.csv"), rows);
}

TEST(RowsCsv, TakesColumnsInAnyOrder) {
  const std::string csv = rows_csv({});
  std::vector<std::string> names = split(trim(csv), ',');
  std::swap(names.front(), names[8]);
  EXPECT_EQ(names[0], "num_gpus");
  const std::map<std::string, std::string> known{{"num_gpus", "16"}, {"method", "simulated"}, {"status", "ok"},
                                                 {"task", "lora"},   {"precision", "bf16"},   {"schema_version", "1"},
                                                 {"fsdp", "false"},  {"packed", "false"},     {"cuda_graphs", "false"}};
  std::vector<std::string> cells;
  for (const std::string& name : names) cells.push_back(known.contains(name) ? known.at(name) : "");
  const std::vector<Row> rows = parse_rows_csv(join(names, ",") + "\n" + join(cells, ",") + "\n", "rows.csv");
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].num_gpus, 16);
}

TEST(RowsCsv, KeepsTheSchemaVersionOfTheFileAndWantsOne) {
  Row row = sample_row();
  row.schema_version = kRowSchema + 1;
  std::string csv = rows_csv(std::vector<Row>{row});
  EXPECT_EQ(parse_rows_csv(csv, "rows.csv").at(0).schema_version, kRowSchema + 1);
  const std::string version = "\n" + std::to_string(kRowSchema + 1) + ",";
  csv.replace(csv.find(version), version.size(), "\n,");
  const auto problems = problems_of(csv);
  ASSERT_EQ(problems.size(), 1u);
  EXPECT_EQ(problems[0].where, "rows.csv:2: schema_version=");
}

// A file of another version lacks columns: one sentence says why.
TEST(RowsCsv, ColumnsOfAnotherSchemaAreOneProblem) {
  Row row = sample_row();
  row.schema_version = kRowSchema - 1;
  std::string csv = rows_csv(std::vector<Row>{row});
  csv.replace(csv.find("cuda_graphs"), 11, "cuda");
  csv.replace(csv.find("packed"), 6, "pack");
  const auto problems = problems_of(csv);
  ASSERT_EQ(problems.size(), 1u);
  EXPECT_EQ(problems[0].where, "rows.csv");
  EXPECT_THAT(problems[0].what, HasSubstr("holds rows of schema " + std::to_string(kRowSchema - 1)));
  EXPECT_THAT(problems[0].hint, HasSubstr("perfbench baseline update"));
}

TEST(RowsCsv, KeepsEveryDigitOfTheSamples) {
  Row row = sample_row();
  row.samples_s = {1.0 / 3.0, 2.5000000000000004, 1e-9};
  EXPECT_EQ(parse_rows_csv(rows_csv(std::vector<Row>{row}), "rows.csv").at(0).samples_s, row.samples_s);
}

TEST(RowsCsv, NamesEveryUnknownAndMissingColumn) {
  std::string csv = rows_csv({});
  csv.replace(csv.find("mbs"), 3, "mbz");
  csv.replace(csv.find(",seq_len"), 8, "");
  const auto problems = problems_of(csv);
  ASSERT_EQ(problems.size(), 3u);
  EXPECT_EQ(problems[0].what, "unknown column \"mbz\"");
  EXPECT_THAT(problems[0].hint, HasSubstr("mbs"));
  EXPECT_EQ(problems[1].what, "the column mbs is missing");
  EXPECT_EQ(problems[2].what, "the column seq_len is missing");
}

TEST(RowsCsv, NamesEveryWrongCell) {
  std::string csv = rows_csv(std::vector<Row>{sample_row()});
  csv.replace(csv.find("simulated"), 9, "dreamt");
  csv.replace(csv.find(",2.5,"), 5, ",slow,");
  const auto problems = problems_of(csv);
  ASSERT_EQ(problems.size(), 2u);
  EXPECT_EQ(problems[0].where, "rows.csv:2: method=dreamt");
  EXPECT_EQ(problems[1].where, "rows.csv:2: step_time_s=slow");
  EXPECT_EQ(problems[1].what, "must be a number");
}

TEST(RowsJson, HasEveryMetricAndNullForWhatIsNotKnown) {
  Row row = row_of(sample_job());
  row.status = Status::unsupported;
  const Json json = parse_json(row_json(row), "row.json");
  for (const Metric& metric : metrics()) EXPECT_NE(json.find(metric.name), nullptr) << metric.name;
  EXPECT_TRUE(json.find("step_time_s")->is_null());
  EXPECT_TRUE(json.find("published")->is_null());
  EXPECT_EQ(json.find("tp")->integer(), 2);
}

TEST(RowsJson, GivesThePublishedRowTheSameKeys) {
  const Json json = parse_json(row_json(sample_row()), "row.json");
  const Json* published = json.find("published");
  for (const char* key : {"method",
                          "status",
                          "model",
                          "system",
                          "task",
                          "precision",
                          "num_gpus",
                          "gbs",
                          "mbs",
                          "seq_len",
                          "tp",
                          "pp",
                          "cp",
                          "vp",
                          "ep",
                          "ga",
                          "step_time_s",
                          "tokens_per_s_per_gpu",
                          "model_tflops_per_gpu",
                          "flops_convention",
                          "mfu",
                          "peak_tflops",
                          "peak_memory_gib",
                          "breakdown"})
    EXPECT_NE(published->find(key), nullptr) << key;
  EXPECT_EQ(published->find("tokens_per_s_per_gpu")->number(), 1000.0);
  EXPECT_TRUE(published->find("step_time_s")->is_null());
  EXPECT_TRUE(published->find("cp")->is_null());
}

TEST(RowsMarkdown, HasTheHeadingsOfThePublishedTables) {
  const std::string text = rows_markdown(std::vector<Row>{sample_row()});
  for (const char* heading : {"| Model |", "| #-GPUs |", "| GBS |", "| MBS |", "| LBS |", "| GA |",
                              "| Sequence Length |", "| FSDP |", "| TP |", "| PP |", "| CP |", "| VP |", "| EP |",
                              "| Time per Global Step (s) |", "| Tokens / sec / GPU |", "| Model TFLOP / sec / GPU |"})
    EXPECT_THAT(text, HasSubstr(heading));
  EXPECT_THAT(text, HasSubstr("| 2.500 | 800.0 |"));
}

TEST(RowsTerminal, ShowsOneRowWithOriginsResultBreakdownAndMemory) {
  Row row = sample_row();
  row.published->model_tflops_per_gpu = 700.0;
  const std::string text = row_terminal(row);
  EXPECT_THAT(text, HasSubstr("tiny pretrain bf16 on 8 x h100, stack megatron: simulated, ok"));
  EXPECT_THAT(text, HasSubstr("flag -tp"));
  EXPECT_THAT(text, testing::ContainsRegex("Tokens / sec / GPU +800\\.0 +1,000 +0\\.800"));
  EXPECT_THAT(text, testing::ContainsRegex("Model TFLOP / sec / GPU +0\\.0001595 +700\\.0 +-"));
  EXPECT_THAT(text, HasSubstr("published: row 001-01 of table.csv:2"));
  EXPECT_THAT(text, HasSubstr("corrected: GBS 16 instead of 1"));
  EXPECT_THAT(text, testing::ContainsRegex("matmul +1\\.5000 +60\\.0 %"));
  EXPECT_THAT(text, testing::ContainsRegex("sum +2\\.5000 +100\\.0 %"));
  EXPECT_THAT(text, testing::ContainsRegex("0 +10\\.50 +20\\.25 +30\\.75"));
  EXPECT_THAT(text, testing::ContainsRegex("1 +11\\.00 +0\\.00 +11\\.00"));
  EXPECT_THAT(text, HasSubstr("- a note"));
}

TEST(RowsTerminal, SaysWhatIsMissing) {
  Row row = row_of(sample_job());
  row.status = Status::unsupported;
  row.feature = "cp";
  row.reason = "context parallelism has no Program yet";
  const std::string text = row_terminal(row);
  EXPECT_THAT(text, HasSubstr("cp: context parallelism has no Program yet"));
  EXPECT_THAT(text, Not(HasSubstr("where the time goes")));
}

TEST(RowsTerminal, ShowsSeveralRowsAsATable) {
  const std::string text = rows_terminal(std::vector<Row>{sample_row(), sample_row()});
  EXPECT_THAT(text, HasSubstr("Tokens / sec / GPU"));
  EXPECT_THAT(text, Not(HasSubstr("where the time goes")));
}

}  // namespace
}  // namespace perfbench
