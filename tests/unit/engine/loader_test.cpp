#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "engine/abi.h"
#include "engine/engine.h"

namespace perfbench {
namespace {

using testing::EndsWith;
using testing::HasSubstr;

const std::filesystem::path kFakes = PERFBENCH_FAKE_ENGINES;

void expect_nothing_known(const EngineReport& report) {
  EXPECT_FALSE(report.engine.present());
  EXPECT_EQ(report.engine.remedy, "scripts/build.sh --engine");
  for (const EnginePart* part : {&report.libtorch, &report.cuda, &report.nccl}) {
    EXPECT_FALSE(part->present());
    EXPECT_EQ(part->missing, "not known without the engine library");
  }
  EXPECT_TRUE(report.devices.empty());
}

TEST(Loader, AbsentLibraryIsNamed) {
  const EngineReport report = engine_report("/nowhere/libperfbench_engine.so");
  expect_nothing_known(report);
  EXPECT_EQ(report.engine.missing, "/nowhere/libperfbench_engine.so is not built");
}

TEST(Loader, FileThatIsNoLibraryDoesNotLoad) {
  const EngineReport report =
      engine_report(std::filesystem::path(PERFBENCH_SOURCE_DIR) / "tests/unit/engine/loader_test.cpp");
  expect_nothing_known(report);
  EXPECT_THAT(report.engine.missing, HasSubstr("loader_test.cpp does not load: "));
}

TEST(Loader, LibraryWithoutTheFunctionsIsNoEngine) {
  const EngineReport report = engine_report(kFakes / "not_an_engine.so");
  expect_nothing_known(report);
  EXPECT_THAT(report.engine.missing, EndsWith("not_an_engine.so is not a perfbench engine"));
}

// The fake traps when it is asked for more than its version.
TEST(Loader, EngineOfAnotherVersionIsRefused) {
  const EngineReport report = engine_report(kFakes / "engine_of_another_version.so");
  expect_nothing_known(report);
  EXPECT_THAT(report.engine.missing, HasSubstr("is the engine of perfbench 99.0.0 (interface " +
                                               std::to_string(kEngineAbi) + "); this is perfbench "));
}

TEST(Loader, ADriverIsKnownByItsFiles) {
  const std::filesystem::path root =
      std::filesystem::temp_directory_path() / ("perfbench_driver_" + std::to_string(getpid()));
  EXPECT_FALSE(has_nvidia_driver(root));
  std::filesystem::create_directories(root / "dev" / "nvidia0");
  EXPECT_TRUE(has_nvidia_driver(root));
  std::filesystem::remove_all(root / "dev");
  std::filesystem::create_directories(root / "proc" / "driver" / "nvidia" / "version");
  EXPECT_TRUE(has_nvidia_driver(root));
  std::filesystem::remove_all(root);
}

TEST(Loader, LooksBesideTheExecutable) {
  const EngineReport report = engine_report();
  EXPECT_EQ(report.library, std::filesystem::read_symlink("/proc/self/exe").parent_path() / "libperfbench_engine.so");
}

}  // namespace
}  // namespace perfbench
