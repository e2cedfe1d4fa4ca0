#include "cost/topology.h"

#include <gtest/gtest.h>

#include "unit/cost/simple_constants.h"
#include "unit/support/jobs.h"

namespace perfbench {
namespace {

Mesh mesh(int tp, int pp, int dp) { return mesh_of({.tp = tp, .pp = pp, .dp = dp}); }

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
  expect_group(group_shape(Group::tp, mesh(8, 4, 2), with_domain(8)), 8, 8);
  expect_group(group_shape(Group::tp, mesh(2, 1, 4), with_domain(8)), 2, 2);
  expect_group(group_shape(Group::tp, mesh(16, 1, 1), with_domain(8)), 16, 8);
}

TEST(Topology, DataParallelRanksLieTpApart) {
  // tp 4 in a domain of 8: two dp ranks share it. tp 8: each is alone in its domain.
  expect_group(group_shape(Group::copies, mesh(4, 1, 16), with_domain(8)), 16, 2);
  expect_group(group_shape(Group::copies, mesh(8, 1, 16), with_domain(8)), 16, 1);
  expect_group(group_shape(Group::copies, mesh(1, 1, 8), with_domain(8)), 8, 8);
  expect_group(group_shape(Group::copies, mesh(1, 1, 64), with_domain(8)), 64, 8);
  // A domain of 72 takes 18 groups of 4, so all 16 ranks.
  expect_group(group_shape(Group::copies, mesh(4, 1, 16), with_domain(72)), 16, 16);
}

// HSDP on dp 32: the 8 ranks that share parameters fill a domain, the 4 that hold the same share lie in 4 of them.
TEST(Topology, ThoseWhoShareParametersAreNeighboursAndReplicasAreFarApart) {
  const Mesh replicated = mesh_of({.dp = 32, .fsdp = true, .fsdp_size = 8});
  expect_group(group_shape(Group::shard, replicated, with_domain(8)), 8, 8);
  expect_group(group_shape(Group::replicas, replicated, with_domain(8)), 4, 1);
  expect_group(group_shape(Group::replicas, replicated, with_domain(72)), 4, 4);
}

// ep 8 across dp 16, tp 2 and etp 1: the experts' ranks are neighbours, and copies of an expert 8 ranks apart.
TEST(Topology, ExpertsLieOnNeighboursAndTheirCopiesFarApart) {
  const Mesh folded = mesh_of({.tp = 2, .ep = 8, .dp = 16});
  expect_group(group_shape(Group::ep, folded, with_domain(8)), 8, 8);
  expect_group(group_shape(Group::expert_copies, folded, with_domain(8)), 4, 1);
  expect_group(group_shape(Group::expert_copies, folded, with_domain(72)), 4, 4);
  const Mesh along_width = mesh_of({.tp = 2, .ep = 8, .etp = 2, .dp = 16});
  expect_group(group_shape(Group::ep, along_width, with_domain(8)), 8, 4);  // 2 ranks apart
  expect_group(group_shape(Group::etp, along_width, with_domain(8)), 2, 2);
}

TEST(Topology, TheNextStageIsAWholeStageAway) {
  expect_group(neighbours_of(mesh(4, 8, 2), with_domain(8)), 2, 1);
  expect_group(neighbours_of(mesh(8, 8, 1), with_domain(8)), 2, 1);
  expect_group(neighbours_of(mesh(1, 4, 2), with_domain(8)), 2, 2);
  expect_group(neighbours_of(mesh(4, 8, 2), with_domain(72)), 2, 2);
}

// tp 2, cp 8, dp 4, ep 8 on domains of 8: experts fill a domain, their copies lie in as many domains as there are.
TEST(Topology, ExpertRanksLieEtpApart) {
  const Mesh wide = mesh_of({.tp = 2, .pp = 4, .cp = 8, .ep = 8, .dp = 4});
  expect_group(group_shape(Group::ep, wide, with_domain(8)), 8, 8);
  expect_group(group_shape(Group::expert_copies, wide, with_domain(8)), 8, 1);
  expect_group(group_shape(Group::expert_copies, wide, with_domain(16)), 8, 2);
  expect_group(group_shape(Group::ep, mesh_of({.tp = 2, .ep = 8, .etp = 2, .dp = 8}), with_domain(8)), 8, 4);
  expect_group(group_shape(Group::world, wide, with_domain(8)), 256, 8);
}

TEST(Topology, TheEndsLieInOneDomainOnlyWhereTheWholePipelineDoes) {
  expect_group(group_shape(Group::ends, mesh(1, 4, 2), with_domain(8)), 2, 2);
  expect_group(group_shape(Group::ends, mesh(4, 8, 2), with_domain(8)), 2, 1);
  expect_group(group_shape(Group::ends, mesh(8, 1, 2), with_domain(8)), 1, 1);
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
  expect_group(group_shape(Group::tp, mesh(1, 1, 4), hardware), 1, 1);
  expect_group(neighbours_of(mesh(1, 1, 4), hardware), 1, 1);
  try {
    group_shape(Group::copies, mesh(1, 1, 4), hardware);
    FAIL() << "four ranks lie somewhere";
  } catch (const Unsupported& problem) {
    EXPECT_EQ(problem.feature(), "nvlink_domain_gpus");
  }
  EXPECT_THROW(neighbours_of(mesh(1, 2, 1), hardware), Unsupported);
}

}  // namespace
}  // namespace perfbench
