#include <gtest/gtest.h>

#include "cost/op_time.h"
#include "unit/cost/simple_constants.h"

namespace perfbench {
namespace {

// 4 local experts with 250 rows each: products of 2 x 250 x 2000 x 500 = 0.5e9 FLOPs an expert, 2e9 in all.
class GroupedProduct : public ::testing::Test {
 protected:
  GroupedProduct() {
    cost_.kernels = simple_constants();
    cost_.hardware = simple_hardware();
    cost_.stack.gemm_bf16 = 0.8;
    cost_.stack.gemm_grouped = 0.5;
  }
  ValueId value(Shape shape, bool uneven = false) {
    program_.values.push_back({.type = {.shape = shape, .dtype = DType::bf16, .placement = {}}});
    if (uneven) program_.values.back().type.placement[Axis::ep] = uneven_split(0);
    return static_cast<ValueId>(program_.values.size() - 1);
  }
  double seconds(const Op& op) const { return op_time(op, program_, cost_).back().seconds; }
  GroupedMatmul forward(std::int64_t experts, bool uneven = false) {
    return {
        .a = {value({1000, 500}, uneven)}, .b = {value({experts, 2000, 500})}, .out = {value({1000, 2000}, uneven)}};
  }

  Program program_;
  CostModel cost_;
};

// A launch each, and 2 x (250 x 500 + 2000 x 500 + 250 x 2000) bytes at 2 TB/s, longer than 0.5e9 FLOPs at 0.5e15.
constexpr double kProduct = 1e-6 + 3.25e6 / 2e12;

TEST_F(GroupedProduct, HasTheWorkOfAllExpertsAtTheSizesOfOne) {
  const Op op = forward(4);
  EXPECT_EQ(op_flops(op, program_), 2e9);
  const auto shape = std::get<GemmShape>(kernel_work(op, program_));
  EXPECT_EQ(shape, (GemmShape{.m = 250, .n = 2000, .k = 500, .batch = 4}));
  EXPECT_NEAR(seconds(op), 4 * kProduct / (0.8 * 0.5), 1e-12);
}

TEST_F(GroupedProduct, OfOneExpertIsAPlainOne) { EXPECT_NEAR(seconds(forward(1)), (1e-6 + 2e9 / 0.5e15) / 0.8, 1e-12); }

// Half of the rate is lost at 250 rows, which is what an expert has; at the 1000 of all it would be a fifth.
TEST_F(GroupedProduct, FewRowsOfAnExpertCostRate) {
  cost_.kernels.gemm_bf16.half_m = 250.0;
  EXPECT_NEAR(seconds(forward(4)), 4 * (1e-6 + 2.0 * 0.5e9 / 0.5e15) / (0.8 * 0.5), 1e-12);
}

TEST_F(GroupedProduct, WeightGradientsSumOverAnExpertsRows) {
  const In dy{value({1000, 2000})}, x{value({1000, 500})};
  const GroupedWeightGrad plain{.dy = dy, .x = x, .dw = {value({4, 2000, 500})}, .experts = 4};
  const GroupedWeightGradAccumulate fused{
      .dy = {value({2000, 1000})}, .x = {value({500, 1000})}, .main_grad = {value({4, 2000, 500})}, .transposed = true};
  for (const Op& op : {Op(plain), Op(fused)}) {
    EXPECT_EQ(op_flops(op, program_), 2e9);
    EXPECT_EQ(std::get<GemmShape>(kernel_work(op, program_)), (GemmShape{.m = 2000, .n = 500, .k = 250, .batch = 4}));
  }
}

TEST_F(GroupedProduct, TheFullestRankSetsThePaceOfUnevenRows) {
  cost_.fullest_rank = 1.5;
  EXPECT_NEAR(seconds(forward(4)), 4 * kProduct / (0.8 * 0.5), 1e-12);
  EXPECT_NEAR(seconds(forward(4, true)), 1.5 * 4 * kProduct / (0.8 * 0.5), 1e-12);
}

// Copies are as long as their bytes take: 2 MB of tokens, 4 MB of rows and 16 kB of places at 2 TB/s.
TEST_F(GroupedProduct, RowsAreCopiedAsFastAsMemoryIs) {
  const ValueId places = value({1000, 2});
  program_.values.back().type.dtype = DType::i64;
  const Op op = Permute{.x = {value({1000, 1000})}, .places = {places}, .rows = {value({2000, 1000})}};
  EXPECT_EQ(op_bytes(op, program_), 2e6 + 4e6 + 16e3);
  EXPECT_NEAR(seconds(op), 1e-6 + 6.016e6 / 2e12, 1e-12);
}

}  // namespace
}  // namespace perfbench
