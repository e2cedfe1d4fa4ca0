#include "base/file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "base/descriptor.h"
#include "base/error.h"
#include "base/line_reader.h"
#include "base/temporary_file.h"
#include "base/whole_file.h"

namespace perfbench {
namespace {

namespace fs = std::filesystem;

class FileTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "perfbench-file-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder = name;
  }
  void TearDown() override { fs::remove_all(folder); }

  std::ptrdiff_t num_files() const { return std::distance(fs::directory_iterator(folder), fs::directory_iterator()); }

  fs::path folder;
};

std::string input_fault(const auto& action) {
  try {
    action();
  } catch (const InputError& error) {
    return error.what();
  }
  return "no InputError";
}

std::string run_fault(const auto& action) {
  try {
    action();
  } catch (const RunError& error) {
    return error.what();
  }
  return "no RunError";
}

TEST_F(FileTest, ReadsBackEveryByte) {
  std::string bytes;
  for (int i = 0; i < 300000; ++i) bytes += static_cast<char>(i * 7);
  write_file(folder / "a", bytes);
  EXPECT_EQ(read_file(folder / "a"), bytes);
  write_file(folder / "a", "");
  EXPECT_EQ(read_file(folder / "a"), "");
  EXPECT_EQ(num_files(), 1);
}

TEST_F(FileTest, ReadsAFileThatHasNoSize) { EXPECT_FALSE(read_file("/proc/self/status").empty()); }

TEST_F(FileTest, ReadRefusesMissingFilesAndDirectories) {
  const std::string missing = (folder / "missing").string();
  EXPECT_EQ(input_fault([&] { read_file(missing); }),
            "perfbench: error: " + missing + ": cannot read the file: No such file or directory\n");
  EXPECT_EQ(input_fault([&] { read_file(folder); }),
            "perfbench: error: " + folder.string() + ": this is a directory, not a file\n");
  EXPECT_NE(input_fault([] { read_file(""); }), "no InputError");
}

TEST_F(FileTest, ReadRefusesAnEndlessFile) {
  EXPECT_EQ(input_fault([] { read_file("/dev/zero"); }),
            "perfbench: error: /dev/zero: the file is larger than the limit of 268435456 bytes\n");
}

TEST_F(FileTest, ReadRefusesAHugeFileWithoutReadingIt) {
  std::ofstream(folder / "huge") << "x";
  fs::resize_file(folder / "huge", std::uintmax_t{1} << 40U);  // sparse
  EXPECT_NE(input_fault([&] { read_file(folder / "huge"); }).find("larger than the limit"), std::string::npos);
}

TEST_F(FileTest, WriteKeepsTheModeAndFollowsLinks) {
  write_file(folder / "real", "old");
  fs::permissions(folder / "real", fs::perms::owner_read | fs::perms::owner_write | fs::perms::group_write);
  fs::create_symlink("real", folder / "link");
  write_file(folder / "link", "new");
  EXPECT_TRUE(fs::is_symlink(folder / "link"));
  EXPECT_EQ(read_file(folder / "real"), "new");
  EXPECT_EQ(fs::status(folder / "real").permissions(),
            fs::perms::owner_read | fs::perms::owner_write | fs::perms::group_write);
}

TEST_F(FileTest, ANewFileObeysTheUmask) {
  const mode_t before = ::umask(027);
  write_file(folder / "a", "x");
  ::umask(before);
  EXPECT_EQ(fs::status(folder / "a").permissions(), static_cast<fs::perms>(0640));
}

TEST_F(FileTest, WriteReplacesTheFileSoThatAReaderKeepsTheOldOne) {
  write_file(folder / "a", "old");
  std::ifstream reader(folder / "a");
  write_file(folder / "a", "new");
  std::string seen;
  reader >> seen;
  EXPECT_EQ(seen, "old");
}

TEST_F(FileTest, AFailedWriteNamesPathSizeAndReason) {
  const std::string path = (folder / "none" / "a").string();
  EXPECT_EQ(run_fault([&] { write_file(path, "12345"); }),
            "perfbench: error: " + path + ": could not write 5 bytes: No such file or directory\n");
  EXPECT_NE(run_fault([&] { write_file(folder, "x"); }).find("Is a directory"), std::string::npos);
  write_file(folder / "file", "x");
  EXPECT_NE(run_fault([&] { write_file(folder / "file" / "a", "x"); }).find("Not a directory"), std::string::npos);
}

TEST_F(FileTest, AFullDiskIsARunErrorAndADeviceIsNotReplaced) {
  const std::string fault = run_fault([] { write_file("/dev/full", "12345"); });
  EXPECT_NE(fault.find("could not write 5 bytes: No space left on device\n  hint: make room"), std::string::npos)
      << fault;
  write_file("/dev/null", "x");
  EXPECT_TRUE(fs::is_character_file("/dev/full"));
  EXPECT_TRUE(fs::is_character_file("/dev/null"));
}

TEST_F(FileTest, AFailedWriteLeavesTheOldFileAndNoOther) {
  write_file(folder / "a", "old");
  // A limit on the size of files stands in for a full disk; the child sets it for itself.
  const auto write_under_limit = [&] {
    ::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{.rlim_cur = 1000, .rlim_max = 1000};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    const bool refused = run_fault([&] { write_file(folder / "a", std::string(5000, 'x')); }) != "no RunError";
    ::_exit(refused ? 7 : 1);
  };
  EXPECT_EXIT(write_under_limit(), ::testing::ExitedWithCode(7), "");
  EXPECT_EQ(read_file(folder / "a"), "old");
  EXPECT_EQ(num_files(), 1);
}

TEST_F(FileTest, ALinkThatNamesNoFileYetStaysAndALoopIsRefused) {
  fs::create_symlink("real", folder / "link");
  write_file(folder / "link", "new");
  EXPECT_TRUE(fs::is_symlink(folder / "link"));
  EXPECT_EQ(read_file(folder / "real"), "new");
  fs::create_symlink("loop", folder / "loop");
  EXPECT_NE(run_fault([&] { write_file(folder / "loop", "x"); }).find("Too many levels of symbolic links"),
            std::string::npos);
  EXPECT_TRUE(fs::is_symlink(folder / "loop"));
}

TEST_F(FileTest, OfASetNoFileIsReplacedBeforeAllAreWritten) {
  write_file(folder / "a", "old");
  write_file(folder / "b", "old");
  const auto write_under_limit = [&] {
    ::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{.rlim_cur = 1000, .rlim_max = 1000};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    const std::string fault = run_fault([&] {
      FileSet files(folder);
      files.add("a").add("new");
      files.add("b").add(std::string(5000, 'x'));
      files.commit();
    });
    ::_exit(fault.find("b: could not write 5000 bytes: File too large\n  hint: make room") != fault.npos ? 7 : 1);
  };
  EXPECT_EXIT(write_under_limit(), ::testing::ExitedWithCode(7), "");
  EXPECT_EQ(read_file(folder / "a"), "old");
  EXPECT_EQ(num_files(), 2);
  FileSet files(folder);
  files.add("a").add("new");
  files.add("c").add(std::string(std::size_t{1} << 20U, 'x'));
  EXPECT_EQ(num_files(), 3) << "what is not whole has a name of its own";
  files.commit();
  EXPECT_EQ(read_file(folder / "a"), "new");
  EXPECT_EQ(read_file(folder / "c").size(), std::size_t{1} << 20U);
  EXPECT_TRUE(fs::exists(folder / "b"));
}

TEST_F(FileTest, WhatADeadProcessLeftIsTakenAway) {
  // The child dies with a half-written file that it holds; this process holds another.
  const pid_t child = ::fork();
  if (child == 0) {
    const TemporaryFile left(folder);
    ::_exit(0);
  }
  ::waitpid(child, nullptr, 0);
  EXPECT_EQ(num_files(), 1);
  const TemporaryFile held(folder);
  EXPECT_EQ(num_files(), 2);
  require_writable_directory(folder);
  EXPECT_EQ(num_files(), 1);
  require_writable_directory(folder);
  EXPECT_EQ(num_files(), 1);
}

TEST_F(FileTest, RefusesWhatCannotBeAFile) {
  fs::create_directory(folder / "sub");
  fs::create_symlink("loop", folder / "loop");
  EXPECT_NE(input_fault([&] { require_writable_file(folder / "sub"); }).find("sub: this is a directory, not a file"),
            std::string::npos);
  EXPECT_NE(input_fault([&] { require_writable_file(folder / "new/"); }).find("this is a directory"),
            std::string::npos);
  EXPECT_NE(input_fault([&] { require_writable_file(folder / "loop"); }).find("Too many levels of symbolic links"),
            std::string::npos);
  EXPECT_NE(input_fault([&] { require_writable_file(folder / std::string(300, 'x')); }).find("File name too long"),
            std::string::npos);
  EXPECT_NE(input_fault([] { require_writable_file(""); }), "no InputError");
  require_writable_file("/dev/full");
  require_writable_file(folder / "made" / "file");
  EXPECT_TRUE(fs::is_empty(folder / "made"));
}

TEST_F(FileTest, AFullDiskIsNoMistakeOfTheUser) {
  const auto try_under_limit = [&] {
    ::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{.rlim_cur = 0, .rlim_max = 0};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    ::_exit(run_fault([&] { require_writable_directory(folder); }).find("File too large") != std::string::npos ? 7 : 1);
  };
  EXPECT_EXIT(try_under_limit(), ::testing::ExitedWithCode(7), "");
  EXPECT_EQ(num_files(), 0);
}

TEST_F(FileTest, LinesAreReadOneByOneUpToTheLimit) {
  const std::string longer(200000, 'y');
  write_file(folder / "a", "first\n\n" + longer + "\nlast");
  const auto lines_of = [](const fs::path& path) {
    const Descriptor file = open_descriptor(path, O_RDONLY);
    std::vector<std::pair<std::string, bool>> lines;
    for (LineReader reader(file.number(), path); reader.next();) lines.emplace_back(reader.line(), reader.whole());
    return lines;
  };
  using Lines = std::vector<std::pair<std::string, bool>>;
  EXPECT_EQ(lines_of(folder / "a"), (Lines{{"first", true}, {"", true}, {longer, true}, {"last", false}}));
  write_file(folder / "empty", "");
  EXPECT_EQ(lines_of(folder / "empty"), Lines{});
  fs::resize_file(folder / "a", kMaxFileBytes + 300000);
  EXPECT_NE(input_fault([&] { lines_of(folder / "a"); }).find("a:4: the line is longer than the limit of 268435456"),
            std::string::npos);
}

TEST_F(FileTest, WritableDirectoryIsMadeAndLeftEmpty) {
  require_writable_directory(folder / "x" / "y");
  EXPECT_TRUE(fs::is_empty(folder / "x" / "y"));
  require_writable_directory(folder / "x" / "y/");
  EXPECT_TRUE(fs::is_empty(folder / "x" / "y"));
}

TEST_F(FileTest, RefusesADirectoryThatCannotBeWritten) {
  write_file(folder / "file", "x");
  EXPECT_NE(input_fault([&] { require_writable_directory(folder / "file" / "sub"); }).find("Not a directory"),
            std::string::npos);
  EXPECT_NE(input_fault([&] { require_writable_directory(folder / "file"); }), "no InputError");
  // Nobody, root included, can make a file here.
  EXPECT_NE(input_fault([] { require_writable_directory("/proc/self"); }).find("cannot write into the directory"),
            std::string::npos);
}

TEST(ExecutablePath, IsThisTest) { EXPECT_TRUE(fs::is_regular_file(executable_path())); }

}  // namespace
}  // namespace perfbench
