#include "cost/dispatch_reach.h"

#include <gtest/gtest.h>

namespace perfbench {
namespace {

Reach reach_of(Gate gate, std::int64_t experts, std::int64_t top_k, GroupShape group) {
  return reach({.gate = gate, .experts = experts, .top_k = top_k, .group = group});
}

// 8 experts, 2 a token. A rank has 2 experts and is missed by C(6, 2) of C(8, 2) = 15 of 28 choices, a domain has 4 and
// is missed by 6 of 28.
TEST(DispatchReach, DifferentExpertsAtRandom) {
  const Reach there = reach_of(Gate::random, 8, 2, {.ranks = 4, .ranks_per_domain = 2});
  EXPECT_NEAR(there.ranks, 4.0 * 13.0 / 28.0, 1e-12);
  EXPECT_NEAR(there.domains, 2.0 * 22.0 / 28.0, 1e-12);
}

TEST(DispatchReach, WhoChoosesAllExpertsReachesAllRanks) {
  for (const Gate gate : {Gate::random, Gate::balanced}) {
    const Reach there = reach_of(gate, 8, 8, {.ranks = 8, .ranks_per_domain = 4});
    EXPECT_EQ(there.ranks, 8.0);
    EXPECT_EQ(there.domains, 2.0);
  }
}

TEST(DispatchReach, OneRankIsAlwaysReached) {
  EXPECT_EQ(reach_of(Gate::topk, 8, 1, {}).ranks, 1.0);
  EXPECT_EQ(reach_of(Gate::balanced, 8, 3, {}).domains, 1.0);
}

// Tokens start at multiples of k. 128 experts on 8 ranks of 16: 8 a token never cross a border, 6 a token do where they
// start at 12 or 14 of 16, 2 of 8 times. 384 on 32 ranks of 12: 8 a token cross at every third start. 12 on 6 ranks of
// 2: 8 a token are on 4 ranks.
TEST(DispatchReach, NeighboursInTurnAreOnFewRanks) {
  EXPECT_EQ(reach_of(Gate::balanced, 128, 8, {.ranks = 8, .ranks_per_domain = 8}).ranks, 1.0);
  EXPECT_EQ(reach_of(Gate::balanced, 128, 6, {.ranks = 8, .ranks_per_domain = 8}).ranks, 1.25);
  EXPECT_NEAR(reach_of(Gate::balanced, 384, 8, {.ranks = 32, .ranks_per_domain = 8}).ranks, 4.0 / 3.0, 1e-12);
  EXPECT_EQ(reach_of(Gate::balanced, 12, 8, {.ranks = 6, .ranks_per_domain = 6}).ranks, 4.0);
}

// 3 ranks of 2 experts, 5 a token: from 1, 3 or 5 on they go round the end and back to the rank where they began.
TEST(DispatchReach, ARankThatIsReachedTwiceCountsOnce) {
  EXPECT_EQ(reach_of(Gate::balanced, 6, 5, {.ranks = 3, .ranks_per_domain = 1}).ranks, 3.0);
}

}  // namespace
}  // namespace perfbench
