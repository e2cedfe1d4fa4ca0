#include "harness/journal.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <random>

#include "base/error.h"
#include "base/file.h"
#include "unit/rows/sample.h"

namespace perfbench {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class JournalTest : public testing::Test {
 protected:
  JournalTest() : folder(fs::temp_directory_path() / ("perfbench_journal_" + std::to_string(::getpid()))) {
    fs::remove_all(folder);
    fs::create_directories(folder);
  }
  ~JournalTest() override { fs::remove_all(folder); }

  static Row row(int i) {
    Row made = sample_row();
    made.gbs = i;
    made.step_time_s = 0.1 * i;
    return made;
  }
  // Rows 1 to n, row i under the key "key i".
  void write(int n) const {
    Journal journal(folder, "1.0");
    for (int i = 1; i <= n; ++i) journal.append("key " + std::to_string(i), 1, row(i));
  }
  fs::path path() const { return folder / "journal.jsonl"; }
  std::string problem() const {
    try {
      const Journal journal(folder, "1.0");
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  }

  fs::path folder;
};

TEST_F(JournalTest, RowsComeBackEqual) {
  {
    Journal journal(folder, "1.0");
    journal.append("a", 1, row(1));
    journal.append("a", 2, row(2));
    EXPECT_EQ(journal.read("a", 1), row(1));
  }
  const Journal journal(folder, "1.0");
  EXPECT_EQ(journal.size(), 2U);
  EXPECT_TRUE(journal.warnings().empty());
  EXPECT_TRUE(journal.has("a", 2));
  EXPECT_FALSE(journal.has("a", 3));
  EXPECT_FALSE(journal.has("b", 1));
  EXPECT_EQ(journal.read("a", 2), row(2));
}

// Cut at any byte, the journal keeps every whole line, and goes on behind them.
TEST_F(JournalTest, AHalfWrittenLastLineIsDropped) {
  write(4);
  const std::string whole = read_file(path());
  std::mt19937 random(7);
  for (int i = 0; i < 50; ++i) {
    const std::size_t size = random() % whole.size();
    const std::string left = whole.substr(0, size);
    write_file(path(), left);
    const auto lines = static_cast<std::size_t>(std::count(left.begin(), left.end(), '\n'));
    const std::size_t rows = lines == 0 ? 0 : lines - 1;
    {
      Journal journal(folder, "1.0");
      EXPECT_EQ(journal.size(), rows) << size;
      EXPECT_EQ(journal.warnings().empty(), left.empty() || left.back() == '\n') << size;
      for (std::size_t row = rows + 1; row <= 4; ++row)
        journal.append("key " + std::to_string(row), 1, this->row(static_cast<int>(row)));
    }
    EXPECT_EQ(read_file(path()), whole) << size;
  }
}

TEST_F(JournalTest, ALastLineOfZerosIsDropped) {
  write(2);
  const std::string whole = read_file(path());
  write_file(path(), whole + std::string(100, '\0') + "\n");
  const Journal journal(folder, "1.0");
  EXPECT_EQ(journal.size(), 2U);
  ASSERT_EQ(journal.warnings().size(), 1U);
  EXPECT_THAT(journal.warnings()[0], HasSubstr("journal.jsonl:4: "));
  EXPECT_EQ(read_file(path()), whole);
}

TEST_F(JournalTest, ABrokenLineInTheMiddleIsNamedAndNothingIsChanged) {
  write(3);
  std::string text = read_file(path());
  text.insert(text.find('\n') + 1, "{\"key\": \"half\n");
  write_file(path(), text);
  EXPECT_THAT(problem(), HasSubstr("journal.jsonl:2: "));
  EXPECT_EQ(read_file(path()), text);
}

TEST_F(JournalTest, WhatIsNoJournalIsRefusedAndLeft) {
  for (const std::string text :
       {"model,step\n", "notes without a line feed", "{\"journal\":1,\"perfbench\":\"0.1.0\"}\n",
        "{\"journal\":3,\"perfbench\":\"9\"}\n"}) {
    write_file(path(), text);
    EXPECT_THAT(problem(), HasSubstr("journal.jsonl:1: ")) << text;
    EXPECT_EQ(read_file(path()), text);
  }
}

// One digit of a time, a column's name, another key: what was written is no longer what stands there.
TEST_F(JournalTest, AChangedRecordIsNamedAndDoesNotCount) {
  const std::pair<const char*, const char*> changes[] = {{"\"step_time_s\":0.2,", "\"step_time_s\":0.1,"},
                                                         {"\"gbs\":2", "\"gbz\":2"},
                                                         {"key 2", "key 4"},
                                                         {"\"digest\":\"", "\"digest\":\"0"},
                                                         {"\"digest\":", "\"digesd\":"},
                                                         {"\"row\":{", "\"row\": {"}};
  for (const auto& [from, to] : changes) {
    fs::remove(path());
    write(3);
    std::string text = read_file(path());
    const std::size_t second = text.find("key 2"), at = text.rfind(from, text.find("key 3"));
    ASSERT_TRUE(at != std::string::npos && at + 10 > second) << from;
    write_bytes(path(), text.replace(at, std::string(from).size(), to));
    {
      Journal journal(folder, "1.0");
      EXPECT_EQ(journal.size(), 2U) << from;
      ASSERT_EQ(journal.warnings().size(), 1U) << from;
      EXPECT_THAT(journal.warnings()[0], HasSubstr("journal.jsonl:3: this record does not count"));
      EXPECT_FALSE(journal.has("key 2", 1) || journal.has("key 4", 1)) << from;
      journal.append("key 2", 1, row(2));
    }
    const Journal journal(folder, "1.0");
    EXPECT_EQ(journal.read("key 2", 1), row(2)) << from;
    EXPECT_EQ(journal.read("key 3", 1), row(3)) << from;
  }
}

// The last record of a name counts: it was written because the one before did not fit its job.
TEST_F(JournalTest, ARejectedRecordGivesWayToItsSuccessor) {
  {
    Journal journal(folder, "1.0");
    journal.append("a", 1, row(1));
    EXPECT_THAT(journal.reject("a", 1, "gbs is 1"), HasSubstr("journal.jsonl:2: this record does not count: gbs is 1"));
    EXPECT_FALSE(journal.has("a", 1));
    journal.append("a", 1, row(2));
  }
  const Journal journal(folder, "1.0");
  EXPECT_EQ(journal.read("a", 1), row(2));
  EXPECT_TRUE(journal.warnings().empty());
}

TEST_F(JournalTest, RecordsHoldNoSecret) {
  Row made = row(1);
  made.notes = {"image u:SEKRET@host/x"};
  Journal journal(folder, "1.0");
  journal.append("a", 1, made);
  EXPECT_EQ(read_file(path()).find("SEKRET"), std::string::npos);
  EXPECT_THAT(journal.read("a", 1).notes, testing::ElementsAre("image [redacted]@host/x"));
}

TEST_F(JournalTest, TwoAtOnceAreRefused) {
  const Journal first(folder, "1.0");
  EXPECT_THAT(problem(), HasSubstr("another sweep"));
}

TEST_F(JournalTest, ARemovedFolderComesBackWithItsRows) {
  {
    Journal journal(folder, "1.0");
    journal.append("a", 1, row(1));
    fs::remove_all(folder);
    EXPECT_THROW(journal.append("b", 1, row(2)), RunError);
  }
  const Journal journal(folder, "1.0");
  EXPECT_EQ(journal.read("a", 1), row(1));
  EXPECT_EQ(journal.read("b", 1), row(2));
}

TEST_F(JournalTest, AFolderThatWasMovedAwayComesBackWithItsRows) {
  const fs::path moved = folder.string() + "_moved";
  {
    Journal journal(folder, "1.0");
    journal.append("a", 1, row(1));
    fs::rename(folder, moved);
    fs::create_directory(folder);
    EXPECT_THROW(journal.append("b", 1, row(2)), RunError);
  }
  const Journal journal(folder, "1.0");
  EXPECT_EQ(journal.read("b", 1), row(2));
  fs::remove_all(moved);
}

TEST_F(JournalTest, RowsAreKeptBesideAnotherFileThatTookThePlace) {
  const std::string other = "{\"journal\":1,\"perfbench\":\"2.0\"}\n";
  {
    Journal journal(folder, "1.0");
    journal.append("a", 1, row(1));
    journal.require_in_place();
    write_file(path(), other);  // a new file under the old name
    try {
      journal.require_in_place();
      FAIL();
    } catch (const RunError& error) {
      EXPECT_THAT(error.what(), HasSubstr("another file took its place while the sweep ran; its 1 finished rows"));
      EXPECT_THAT(error.what(), HasSubstr("journal.jsonl.kept-1"));
    }
    EXPECT_THROW(journal.require_in_place(), RunError);
  }
  EXPECT_EQ(read_file(path()), other);
  EXPECT_EQ(read_file(path().string() + ".kept-1"), read_file(path().string() + ".kept-2"));
  fs::rename(path().string() + ".kept-1", path());
  EXPECT_EQ(Journal(folder, "1.0").read("a", 1), row(1));
}

TEST_F(JournalTest, AFolderThatBecameAFileIsSaid) {
  Journal journal(folder, "1.0");
  fs::remove_all(folder);
  write_file(folder, "a file");
  try {
    journal.append("a", 1, row(1));
    FAIL();
  } catch (const RunError& error) {
    EXPECT_THAT(error.what(), HasSubstr("removed while the sweep ran"));
  }
}

}  // namespace
}  // namespace perfbench
