#include "rows/row_writer.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <vector>

#include "base/file.h"
#include "rows/writers.h"
#include "unit/rows/sample.h"

namespace perfbench {
namespace {

namespace fs = std::filesystem;

class RowWriterTest : public testing::Test {
 protected:
  void SetUp() override {
    folder = fs::path(testing::TempDir()) / testing::UnitTest::GetInstance()->current_test_info()->name();
    fs::create_directories(folder);
  }
  void TearDown() override { fs::remove_all(folder); }

  fs::path folder;
};

TEST_F(RowWriterTest, TheBytesAreThoseOfAllRowsTogether) {
  std::vector<Row> rows;
  for (int num_rows = 0; num_rows <= 3; ++num_rows) {
    FileSet files(folder);
    RowWriter writer(files, {RowFile::csv, RowFile::json, RowFile::markdown});
    for (const Row& row : rows) writer.add(row);
    writer.finish();
    files.commit();
    EXPECT_EQ(read_file(folder / "rows.csv"), rows_csv(rows)) << num_rows;
    EXPECT_EQ(read_file(folder / "rows.json"), rows_json(rows)) << num_rows;
    EXPECT_EQ(read_file(folder / "rows.md"), rows_markdown(rows)) << num_rows;
    rows.push_back(sample_row());
    rows.back().gbs = num_rows + 1;
    rows.back().reason = "two\nlines | and a pipe";
  }
}

TEST_F(RowWriterTest, WritesTheFormsThatAreAskedFor) {
  FileSet files(folder);
  RowWriter writer(files, {RowFile::json});
  writer.add(sample_row());
  writer.finish();
  files.commit();
  EXPECT_TRUE(fs::exists(folder / "rows.json"));
  EXPECT_FALSE(fs::exists(folder / "rows.csv"));
}

TEST_F(RowWriterTest, OldFilesStayUntilTheSetIsCommitted) {
  write_file(folder / "rows.csv", "old\n");
  {
    FileSet files(folder);
    RowWriter writer(files, {RowFile::csv});
    writer.add(sample_row());
    writer.finish();
  }
  EXPECT_EQ(read_file(folder / "rows.csv"), "old\n");
}

}  // namespace
}  // namespace perfbench
