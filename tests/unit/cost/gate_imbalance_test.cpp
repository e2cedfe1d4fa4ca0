#include "cost/gate_imbalance.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

namespace perfbench {
namespace {

// Of 2 and 3 there are closed forms: 1 / sqrt(pi) and 3 / (2 sqrt(pi)); of 8: tables of order statistics.
TEST(GateImbalance, GreatestOfNormals) {
  EXPECT_NEAR(greatest_of_normals(1), 0.0, 1e-9);
  EXPECT_NEAR(greatest_of_normals(2), 1.0 / std::sqrt(std::numbers::pi), 1e-9);
  EXPECT_NEAR(greatest_of_normals(3), 1.5 / std::sqrt(std::numbers::pi), 1e-9);
  EXPECT_NEAR(greatest_of_normals(8), 1.42360, 1e-5);
}

TEST(GateImbalance, ABalancedGateFillsAllRanksAlike) {
  EXPECT_EQ(fullest_rank(0.0, 128, 8, 8), 1.0);
  EXPECT_EQ(fullest_rank(0.5, 128, 8, 1), 1.0);  // all rows are here
}

// One expert a rank: its own deviation. 2 of 8 on each of 4 ranks: 0.5 sqrt(6 / (2 x 7)).
TEST(GateImbalance, RanksOfMoreExpertsAreMoreEven) {
  EXPECT_NEAR(fullest_rank(0.5, 8, 2, 8), 1.0 + 0.5 * 1.42360, 1e-5);
  EXPECT_NEAR(fullest_rank(0.5, 8, 2, 4), 1.0 + 0.5 * std::sqrt(6.0 / 14.0) * 1.02938, 1e-5);
}

TEST(GateImbalance, NoRankHasMoreThanThereIs) {
  EXPECT_EQ(fullest_rank(50.0, 8, 2, 8), 4.0);  // all tokens, each once
  EXPECT_EQ(fullest_rank(50.0, 8, 1, 2), 2.0);  // all rows
}

}  // namespace
}  // namespace perfbench
