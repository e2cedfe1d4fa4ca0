// Which kernels are timed, and which are not, with a timer that computes nothing.
#include "runners/time_kernels.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <set>

#include "base/error.h"
#include "runners/measured_on.h"

namespace perfbench {
namespace {

Catalog catalog() { return Catalog(std::filesystem::path(PERFBENCH_SOURCE_DIR) / "model_configs"); }

std::vector<PlannedKernel> grid_of(const std::string& system, const GridLimits& limits = {}) {
  return kernel_grid(catalog().system(system, ""), catalog(), limits);
}

std::int64_t num_of(const std::vector<PlannedKernel>& grid, std::string_view part) {
  std::int64_t found = 0;
  for (const PlannedKernel& kernel : grid) found += kernel.signature.find(part) != std::string::npos ? 1 : 0;
  return found;
}

// A clock that each kernel puts forward by a second.
struct FakeTimer {
  double clock_s = 100.0;
  std::int64_t timed = 0;
  std::set<std::string> reasons{};  // of what was skipped

  TimingParts parts() {
    return {.time =
                [this](const Program& program, const Op& op) {
                  ++timed;
                  clock_s += 1.0;
                  if (op_bytes(op, program) > 1e10) throw RunError("device memory", "10 GB asked for");
                  if (op_flops(op, program) > 1e13) throw Unsupported("size", "too much");
                  return OpTiming{.seconds = 1e-9 * op_bytes(op, program), .mad_s = 1e-9, .runs = 7};
                },
            .now_s = [this] { return clock_s; },
            .skipped = [this](std::string_view, std::string_view why) { reasons.insert(std::string(why)); }};
  }
};

TEST(KernelGrid, HasFp8WhereTheSystemHasIt) {
  const std::vector<PlannedKernel> hopper = grid_of("h100"), ampere = grid_of("a100");
  EXPECT_EQ(num_of(hopper, "matmul(bf16"), num_of(hopper, "matmul(f8e4m3"));
  EXPECT_EQ(num_of(hopper, "matmul(bf16"), 21);  // six cubes, and three slabs of each other size
  EXPECT_EQ(num_of(ampere, "matmul(f8e4m3"), 0);
  EXPECT_GE(num_of(hopper, "attention(bf16[16384,"), 5);
  EXPECT_EQ(num_of(hopper, "attention("), num_of(hopper, "attention_backward("));
  EXPECT_EQ(num_of(hopper, "add("), 7);  // 1 MiB to 4 GiB
}

TEST(KernelGrid, IsShorterOnACpu) {
  const std::vector<PlannedKernel> grid = grid_of("cpu", kCpuGrid);
  EXPECT_EQ(num_of(grid, "seq=4096"), 0);
  EXPECT_EQ(num_of(grid, "add("), 4);
  EXPECT_EQ(num_of(grid, "matmul(bf16"), 2);
}

TEST(TimeKernels, KeepsTimesSpreadAndShape) {
  const std::vector<PlannedKernel> grid = grid_of("h100", kCpuGrid);
  FakeTimer timer;
  const KernelTable table = time_kernels(grid, 1e6, timer.parts());
  ASSERT_EQ(table.kernels.size(), grid.size());
  const MeasuredKernel* gemm = table.find("matmul(bf16[512,512],bf16[512,512],-,-,-,bf16[512,512]) transpose_b=1");
  ASSERT_NE(gemm, nullptr);
  EXPECT_DOUBLE_EQ(gemm->seconds, 1e-9 * 3 * 512 * 512 * 2);
  EXPECT_EQ(gemm->runs, 7);
  EXPECT_EQ(gemm->work, KernelWork(GemmShape{.m = 512, .n = 512, .k = 512}));
}

TEST(TimeKernels, LeavesOutTheRestWhenItIsStopped) {
  const std::vector<PlannedKernel> grid = grid_of("h100", kCpuGrid);
  FakeTimer timer;
  TimingParts parts = timer.parts();
  parts.stop = [&] { return timer.timed == 3; };
  const KernelTable table = time_kernels(grid, 1e6, parts);
  EXPECT_EQ(table.kernels.size(), 3U);
  EXPECT_EQ(table.left_out, std::ssize(grid) - 3);
}

TEST(TimeKernels, CountsWhatItSkipsAndWhatItLeavesOut) {
  const std::vector<PlannedKernel> grid = grid_of("h100");
  FakeTimer timer;
  const KernelTable all = time_kernels(grid, 1e6, timer.parts());
  EXPECT_GT(all.skipped, 1);  // the largest copy does not fit; attention over 16384 tokens is too much
  EXPECT_EQ(timer.reasons, (std::set<std::string>{"10 GB asked for", "too much"}));
  EXPECT_EQ(all.left_out, 0);
  EXPECT_EQ(all.kernels.size() + static_cast<std::size_t>(all.skipped), grid.size());

  FakeTimer hurried;
  const KernelTable some = time_kernels(grid, 3.0, hurried.parts());
  EXPECT_EQ(hurried.timed, 3);
  EXPECT_EQ(some.kernels.size(), 3u);
  EXPECT_EQ(some.left_out, static_cast<std::int64_t>(grid.size()) - 3);
}

TEST(MeasuredOn, HasTheSystemAndTheClocksOfTheFirstDevice) {
  EngineReport report;
  report.libtorch.version = "2.11.0";
  report.cuda.version = "13.0";
  report.devices = {{.name = "NVIDIA H200"}, {.name = "NVIDIA B200"}};
  MeasuredOn on = measured_on(Device::cuda, report, catalog());
  EXPECT_EQ(on.system, "h200");
  EXPECT_EQ(on.device, "NVIDIA H200");
  EXPECT_FALSE(on.throttled);
  GpuSummary gpu;
  gpu.sm_clock_median_mhz = 1605.0;
  gpu.throttled_share = 0.25;
  gpu.throttle_reasons = {{.name = "sw_power_cap", .share = 0.25}};
  set_clocks(on, {&gpu, 1});
  EXPECT_EQ(on.sm_clock_mhz, 1605.0);
  EXPECT_EQ(on.throttled, true);
  EXPECT_EQ(on.throttle_reasons, std::vector<std::string>{"sw_power_cap"});

  report.devices = {{.name = "a GPU that no file describes"}};
  EXPECT_EQ(measured_on(Device::cuda, report, catalog()).system, "");
  EXPECT_EQ(measured_on(Device::cpu, report, catalog()).system, "cpu");
}

}  // namespace
}  // namespace perfbench
