#include "runners/make_runner.h"

#include <gtest/gtest.h>

#include "unit/support/jobs.h"

namespace perfbench {
namespace {

// Of the stack megatron, which no engine runs: what is measured is refused before any engine is looked for.
Row row_by(Mode mode, const RunnerHooks& hooks = {}) {
  const Catalog catalog(std::filesystem::path(PERFBENCH_SOURCE_DIR) / "model_configs");
  const Job job = real_job({.model = "llama3_8b", .layout = {.tp = 2, .dp = 4}});
  return make_runner(mode, {}, catalog, hooks)(job);
}

TEST(MakeRunner, EachModeHasItsMethod) {
  for (const Mode mode : {Mode::automatic, Mode::measure, Mode::slice, Mode::simulate})
    EXPECT_EQ(row_by(mode).method, method_of(mode));
  EXPECT_EQ(method_of(Mode::measure), Method::measured);
  EXPECT_EQ(method_of(Mode::slice), Method::slice);
  EXPECT_EQ(method_of(Mode::automatic), Method::simulated);
}

TEST(MakeRunner, APredictionIsOkAndWhatCannotRunSaysSo) {
  EXPECT_EQ(row_by(Mode::simulate).status, Status::ok);
  EXPECT_TRUE(row_by(Mode::simulate).step_time_s);
  for (const Mode mode : {Mode::measure, Mode::slice}) {
    EXPECT_EQ(row_by(mode).status, Status::unsupported);
    EXPECT_EQ(row_by(mode).feature, "stack megatron_2504");
  }
}

TEST(MakeRunner, SlicesHandOutTheirKernelsOrNone) {
  int told = 0;
  RunnerHooks hooks{.kernels = [&](const std::shared_ptr<const KernelTable>& kernels) {
    ++told;
    EXPECT_EQ(kernels, nullptr);
  }};
  row_by(Mode::slice, hooks);
  EXPECT_EQ(told, 1);
  row_by(Mode::simulate, hooks);
  EXPECT_EQ(told, 1);
}

}  // namespace
}  // namespace perfbench
