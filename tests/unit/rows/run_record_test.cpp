#include "rows/run_record.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "base/error.h"
#include "base/file.h"
#include "rows/writers.h"
#include "unit/rows/sample.h"

namespace perfbench {
namespace {

TEST(RunRecord, HidesSecretVariables) {
  const RunRecord record{.command = {"perfbench", "-tp", "4"},
                         .env_vars = {{"HF_TOKEN", "s3cret"}, {"NCCL_DEBUG", "WARN"}, {"WANDB_API_KEY", "s3cret"}}};
  const std::string text = dump_json(to_json(record));
  EXPECT_EQ(text.find("s3cret"), std::string::npos) << text;
  const Json json = parse_json(text, "run.json");
  EXPECT_EQ(dump_json(*json.find("env_vars")->find("NCCL_DEBUG"), -1), "\"WARN\"");
  EXPECT_NE(json.find("env_vars")->find("HF_TOKEN"), nullptr);
}

TEST(RunRecord, KeepsWhereAndWhenOutOfTheRows) {
  const std::filesystem::path folder = std::filesystem::path(testing::TempDir()) / "perfbench_rows_test";
  std::filesystem::create_directories(folder);
  const std::vector<Row> rows{sample_row()};
  write_results(folder, rows, {.host = "node1", .date = "2026-01-31T12:00:00Z"});
  const std::string csv = read_file(folder / "rows.csv"), json = read_file(folder / "rows.json");
  EXPECT_EQ(read_rows_csv(folder / "rows.csv"), rows);
  EXPECT_EQ(csv.find("node1"), std::string::npos);
  EXPECT_EQ(json.find("node1"), std::string::npos);
  EXPECT_NE(read_file(folder / "run.json").find("node1"), std::string::npos);
  write_results(folder, rows, {.host = "node2", .date = "2026-02-01T12:00:00Z"});
  EXPECT_EQ(read_file(folder / "rows.csv"), csv);
  EXPECT_EQ(read_file(folder / "rows.json"), json);
  std::filesystem::remove_all(folder);
}

TEST(RunRecord, RowsOfAnotherRunAreRefusedByName) {
  const std::filesystem::path folder = std::filesystem::path(testing::TempDir()) / "perfbench_runs_test";
  std::filesystem::create_directories(folder);
  const std::vector<Row> rows{sample_row()};
  const auto fault = [&] {
    try {
      read_results(folder);
    } catch (const InputError& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  EXPECT_EQ(write_results(folder, rows, {.run = rows[0].run}, {{"telemetry.csv", "seconds\n"}}),
            (std::vector<std::string>{"rows.csv", "rows.json", "telemetry.csv", "run.json"}));
  EXPECT_EQ(read_results(folder), rows);
  write_results(folder, rows, {.run = "ba9876543210"});
  EXPECT_THAT(fault(), testing::HasSubstr("rows.csv: has a row of run 0123456789ab, and "));
  EXPECT_THAT(fault(), testing::HasSubstr("run.json is of run ba9876543210"));
  write_results(folder, rows, {});
  EXPECT_THAT(fault(), testing::HasSubstr("run.json is of no run"));
  std::filesystem::remove(folder / "run.json");  // rows alone are what a baseline is
  EXPECT_EQ(read_results(folder), rows);
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace perfbench
