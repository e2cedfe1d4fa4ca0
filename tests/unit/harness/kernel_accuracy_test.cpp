// Errors of predicted kernels, worked out by hand.
#include "harness/kernel_accuracy.h"

#include <gtest/gtest.h>

namespace perfbench {
namespace {

// Memory kernels of 1, 2, ... microseconds by a model of 1 TB/s without launch, measured as `measured` says.
struct Bench {
  KernelTable table;
  KernelConstants constants;
  Hardware hardware{.memory_bytes_per_s = 1e12};

  Bench() { constants.memory.bandwidth_share = 1.0; }
  void add(const std::string& signature, double predicted_us, double measured_us) {
    table.kernels[signature] = {
        .seconds = 1e-6 * measured_us, .runs = 3, .work = MemoryWork{.bytes = 1e6 * predicted_us}};
  }
  std::vector<KernelError> errors(const Where& where = {}) const {
    return kernel_errors(table, where, constants, hardware, {});
  }
};

TEST(KernelAccuracy, WorstFirst) {
  Bench bench;
  bench.add("add(x)", 9.0, 10.0);
  bench.add("add(y)", 10.0, 5.0);
  bench.add("rope(x)", 12.0, 16.0);
  const std::vector<KernelError> errors = bench.errors();
  ASSERT_EQ(errors.size(), 3u);
  EXPECT_EQ(errors[0].signature, "add(y)");
  EXPECT_NEAR(errors[0].error(), 1.0, 1e-12);
  EXPECT_EQ(errors[1].op, "rope");
  EXPECT_NEAR(errors[1].error(), -0.25, 1e-12);
  EXPECT_NEAR(errors[2].error(), -0.1, 1e-12);
}

TEST(KernelAccuracy, FollowsTheCostModel) {
  Bench bench;
  bench.add("add(x)", 10.0, 10.0);
  EXPECT_NEAR(bench.errors()[0].error(), 0.0, 1e-12);
  bench.constants.memory.bandwidth_share = 0.5;
  EXPECT_NEAR(bench.errors()[0].error(), 1.0, 1e-12);
}

TEST(KernelAccuracy, IsSummedUpByOp) {
  Bench bench;
  for (int i = 1; i <= 10; ++i) bench.add("add(" + std::to_string(i) + ")", 100.0 + i, 100.0);
  bench.add("rope(x)", 50.0, 100.0);
  const std::vector<OpAccuracy> lines = accuracy_by_op(bench.errors());
  ASSERT_EQ(lines.size(), 3u);
  EXPECT_EQ(lines[0].op, "all");
  EXPECT_EQ(lines[0].kernels, 11);
  EXPECT_NEAR(lines[0].median, 0.06, 1e-12);
  EXPECT_NEAR(lines[0].p90, 0.10, 1e-12);
  EXPECT_EQ(lines[1].op, "add");
  EXPECT_NEAR(lines[1].median, 0.055, 1e-12);
  EXPECT_NEAR(lines[1].p90, 0.09, 1e-12);
  EXPECT_NEAR(lines[2].p90, 0.5, 1e-12);
  EXPECT_TRUE(accuracy_by_op({}).empty());
}

TEST(KernelAccuracy, IsFilteredByOpAndKind) {
  Bench bench;
  bench.add("add(x)", 1.0, 1.0);
  bench.add("rope(x)", 1.0, 1.0);
  EXPECT_EQ(bench.errors(parse_where("op=rope", "--where", kernel_names())).size(), 1u);
  EXPECT_EQ(bench.errors(parse_where("kind=memory", "--where", kernel_names())).size(), 2u);
  EXPECT_EQ(bench.errors(parse_where("kind=gemm", "--where", kernel_names())).size(), 0u);
}

}  // namespace
}  // namespace perfbench
