#include "rows/run_record.h"

#include <gtest/gtest.h>

#include <filesystem>

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

}  // namespace
}  // namespace perfbench
