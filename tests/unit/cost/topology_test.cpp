#include "cost/topology.h"

#include <gtest/gtest.h>

#include "unit/cost/simple_constants.h"
#include "unit/support/jobs.h"

namespace perfbench {
namespace {

ParallelLayout layout(int tp, int pp, int dp) {
  ParallelLayout result;
  result.tp = tp;
  result.pp = pp;
  result.dp = dp;
  return result;
}

Hardware with_domain(int gpus) {
  Hardware hardware = simple_hardware();
  hardware.nvlink_domain_gpus = gpus;
  return hardware;
}

void expect_group(const GroupShape& group, int ranks, int ranks_per_domain) {
  EXPECT_EQ(group.ranks, ranks);
  EXPECT_EQ(group.ranks_per_domain, ranks_per_domain);
}

TEST(Topology, TensorParallelRanksAreNeighbours) {
  expect_group(group_of(Axis::tp, layout(8, 4, 2), with_domain(8)), 8, 8);
  expect_group(group_of(Axis::tp, layout(2, 1, 4), with_domain(8)), 2, 2);
  expect_group(group_of(Axis::tp, layout(16, 1, 1), with_domain(8)), 16, 8);
}

TEST(Topology, DataParallelRanksLieTpApart) {
  // tp 4 in a domain of 8: two dp ranks share it. tp 8: each is alone in its domain.
  expect_group(group_of(Axis::dp, layout(4, 1, 16), with_domain(8)), 16, 2);
  expect_group(group_of(Axis::dp, layout(8, 1, 16), with_domain(8)), 16, 1);
  expect_group(group_of(Axis::dp, layout(1, 1, 8), with_domain(8)), 8, 8);
  expect_group(group_of(Axis::dp, layout(1, 1, 64), with_domain(8)), 64, 8);
  // A domain of 72 takes 18 groups of 4, so all 16 ranks.
  expect_group(group_of(Axis::dp, layout(4, 1, 16), with_domain(72)), 16, 16);
}

TEST(Topology, TheNextStageIsAWholeStageAway) {
  expect_group(neighbours_of(layout(4, 8, 2), with_domain(8)), 2, 1);
  expect_group(neighbours_of(layout(8, 8, 1), with_domain(8)), 2, 1);
  expect_group(neighbours_of(layout(1, 4, 2), with_domain(8)), 2, 2);
  expect_group(neighbours_of(layout(4, 8, 2), with_domain(72)), 2, 2);
}

TEST(Topology, DomainsOfTheCarriedSystems) {
  const auto domain = [](const std::string& system) {
    return hardware_of(real_job({.system = system}).system).nvlink_domain_gpus;
  };
  EXPECT_EQ(domain("h100"), 8);
  EXPECT_EQ(domain("b200"), 8);
  EXPECT_EQ(domain("gb200"), 72);
}

TEST(Topology, OnlyWhoeverHasNeighboursAsksForTheDomain) {
  const Hardware hardware = hardware_of(SystemSpec{});
  EXPECT_FALSE(hardware.nic_bytes_per_s);
  expect_group(group_of(Axis::tp, layout(1, 1, 4), hardware), 1, 1);
  expect_group(neighbours_of(layout(1, 1, 4), hardware), 1, 1);
  try {
    group_of(Axis::dp, layout(1, 1, 4), hardware);
    FAIL() << "four ranks lie somewhere";
  } catch (const Unsupported& problem) {
    EXPECT_EQ(problem.feature(), "nvlink_domain_gpus");
  }
  EXPECT_THROW(neighbours_of(layout(1, 2, 1), hardware), Unsupported);
}

}  // namespace
}  // namespace perfbench
