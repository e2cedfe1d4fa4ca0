#include "base/host_memory.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <string>

namespace perfbench {
namespace {

namespace fs = std::filesystem;

constexpr const char* kMeminfo = "MemTotal:       16000000 kB\nMemFree:          500000 kB\nMemAvailable:    1000 kB\n";

// A machine made of files: its /proc and its /sys/fs/cgroup.
class HostMemory : public testing::Test {
 protected:
  HostMemory() {
    fs::remove_all(folder_);
    write("proc/meminfo", kMeminfo);
  }
  ~HostMemory() override { fs::remove_all(folder_); }

  void write(const std::string& path, const std::string& text) {
    fs::create_directories((folder_ / path).parent_path());
    std::ofstream(folder_ / path) << text;
  }
  std::optional<std::int64_t> available() { return available_memory_bytes(folder_ / "proc", folder_ / "cgroup"); }

  fs::path folder_ = fs::path(testing::TempDir()) / ("host_memory_" + std::to_string(getpid()));
};

TEST(Meminfo, CountsKibibytes) {
  EXPECT_EQ(meminfo_bytes(kMeminfo, "MemAvailable"), 1'024'000);
  EXPECT_EQ(meminfo_bytes(kMeminfo, "MemTotal"), 16'384'000'000);
  EXPECT_EQ(meminfo_bytes(kMeminfo, "Mem"), std::nullopt);
  EXPECT_EQ(meminfo_bytes("MemAvailable: many kB\n", "MemAvailable"), std::nullopt);
  EXPECT_EQ(meminfo_bytes("MemAvailable: 12\n", "MemAvailable"), std::nullopt);
}

TEST_F(HostMemory, WithoutControlGroupsIsTheMachines) { EXPECT_EQ(available(), 1'024'000); }

TEST_F(HostMemory, UnknownWithoutMeminfo) {
  fs::remove(folder_ / "proc/meminfo");
  EXPECT_EQ(available(), std::nullopt);
}

TEST_F(HostMemory, GroupsOfVersion2CountWithTheirParents) {
  write("proc/self/cgroup", "0::/jobs/one\n");
  write("cgroup/jobs/one/memory.max", "max\n");
  write("cgroup/jobs/one/memory.current", "100\n");
  EXPECT_EQ(available(), 1'024'000);  // no limit
  write("cgroup/jobs/memory.max", "500000\n");
  write("cgroup/jobs/memory.current", "300000\n");
  EXPECT_EQ(available(), 200'000);
  write("cgroup/jobs/memory.stat", "anon 200000\ninactive_file 100000\n");  // page cache that can be dropped
  EXPECT_EQ(available(), 300'000);
}

TEST_F(HostMemory, GroupsOfVersion1) {
  write("proc/self/cgroup", "5:cpuset:/other\n4:memory:/jobs\n");
  write("cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
  write("cgroup/memory/memory.usage_in_bytes", "12345\n");
  write("cgroup/memory/jobs/memory.limit_in_bytes", "5000\n");
  write("cgroup/memory/jobs/memory.usage_in_bytes", "1000\n");
  EXPECT_EQ(available(), 4000);
}

TEST_F(HostMemory, OverItsLimitNothingIsLeft) {
  write("proc/self/cgroup", "0::/\n");
  write("cgroup/memory.max", "1000\n");
  write("cgroup/memory.current", "2000\n");
  EXPECT_EQ(available(), 0);
}

TEST_F(HostMemory, PathOfTheHostSeenFromAContainer) {
  write("proc/self/cgroup", "0::/kubepods/pod1\n");  // not there: only the mount point is
  write("cgroup/memory.max", "4096\n");
  write("cgroup/memory.current", "96\n");
  EXPECT_EQ(available(), 4000);
}

}  // namespace
}  // namespace perfbench
