#include "cost/collective_time.h"

#include <gtest/gtest.h>

#include "unit/cost/measured_systems.h"
#include "unit/cost/simple_constants.h"

namespace perfbench {
namespace {

using Kind = CollectiveShape::Kind;

double simple_s(Kind kind, double bytes, GroupShape group) {
  return collective_time_s(simple_constants(), simple_hardware(), {.kind = kind, .bytes = bytes, .group = group});
}

TEST(CollectiveTime, OneRankOrNoBytesTakeNoTime) {
  for (const Kind kind : {Kind::all_gather, Kind::reduce_scatter, Kind::all_reduce, Kind::all_to_all, Kind::send}) {
    EXPECT_EQ(simple_s(kind, 1e9, {.ranks = 1, .ranks_per_domain = 1}), 0.0);
    EXPECT_EQ(simple_s(kind, 0.0, {.ranks = 8, .ranks_per_domain = 8}), 0.0);
  }
}

TEST(CollectiveTime, InsideADomainEachRankSendsAllButItsOwnPart) {
  // 7/8 of 2 GB at 250 GB/s, and 5 + 7 us of latency.
  const double seconds = simple_s(Kind::all_gather, 2e9, {.ranks = 8, .ranks_per_domain = 8});
  EXPECT_NEAR(seconds, 7e-3 + 12e-6, 1e-9);
}

TEST(CollectiveTime, LocalPartAndRampSlowItDown) {
  KernelConstants c = simple_constants();
  c.all_gather.local_share = 0.5;
  c.all_gather.ramp_bytes = 1e9;
  // Two ranks of 2 GB: 1 GB sent, 0.5 GB for the own part, the rate halved as the sent bytes equal the ramp's.
  const CollectiveShape shape{.kind = Kind::all_gather, .bytes = 2e9, .group = {.ranks = 2, .ranks_per_domain = 2}};
  EXPECT_NEAR(collective_time_s(c, simple_hardware(), shape), 2 * 1.5e9 / 250e9 + 6e-6, 1e-9);
}

TEST(CollectiveTime, BetweenNodesARingDrivesTheNicsOfItsRanksOnANode) {
  // 16 ranks send 15/16 of 1.6 GB: 1.5 GB over k NICs of 40 GB/s. NVLink would need 6 ms.
  const double one_rail_s = simple_s(Kind::all_gather, 1.6e9, {.ranks = 16, .ranks_per_domain = 1});
  EXPECT_NEAR(one_rail_s, 1.5e9 / 40e9 + 5e-6 + 15 * 10e-6, 1e-9);
  const double two_rails_s = simple_s(Kind::all_gather, 1.6e9, {.ranks = 16, .ranks_per_domain = 2});
  EXPECT_NEAR(two_rails_s, 1.5e9 / 80e9 + 6e-6 + 7 * 10e-6, 1e-9);
}

TEST(CollectiveTime, WithEnoughRailsNvlinkSetsThePace) {
  // 8 NICs of 40 GB/s are faster than 250 GB/s of NVLink.
  const double seconds = simple_s(Kind::all_gather, 1.6e9, {.ranks = 16, .ranks_per_domain = 8});
  EXPECT_NEAR(seconds, 1.5e9 / 250e9 + 12e-6 + 10e-6, 1e-9);
}

TEST(CollectiveTime, AllReduceIsTwoPassesAndPaysATreesHops) {
  // 32 nodes, one rank each: 2 x 31/32 of 0.32 GB at 40 GB/s; 2 x 5 hops instead of 2 x 31.
  const double seconds = simple_s(Kind::all_reduce, 0.32e9, {.ranks = 32, .ranks_per_domain = 1});
  EXPECT_NEAR(seconds, 0.62e9 / 40e9 + 5e-6 + 10 * 10e-6, 1e-9);
}

TEST(CollectiveTime, AnAllToAllSendsWhatLeavesTheNodeThroughItsOwnNic) {
  // 16 ranks, 4 on a node: 12/16 of 1.6 GB over one NIC, and then 3/16 by NVLink to those of the node.
  const double seconds = simple_s(Kind::all_to_all, 1.6e9, {.ranks = 16, .ranks_per_domain = 4});
  EXPECT_NEAR(seconds, 1.2e9 / 40e9 + 10e-6 + 0.3e9 / 250e9 + 20e-6, 1e-9);
}

TEST(CollectiveTime, ASendTakesNvlinkOrOneGpusNics) {
  EXPECT_NEAR(simple_s(Kind::send, 1e9, {.ranks = 2, .ranks_per_domain = 2}), 1e9 / 250e9 + 5e-6, 1e-9);
  EXPECT_NEAR(simple_s(Kind::send, 1e9, {.ranks = 2, .ranks_per_domain = 1}), 1e9 / 40e9 + 10e-6, 1e-9);
}

TEST(CollectiveTime, LeavingADomainWithoutKnownNicsIsUnsupported) {
  Hardware hardware = simple_hardware();
  hardware.nics_per_gpu.reset();
  CollectiveShape shape{.kind = Kind::all_gather, .bytes = 1e6, .group = {.ranks = 16, .ranks_per_domain = 8}};
  EXPECT_THROW(collective_time_s(simple_constants(), hardware, shape), Unsupported);
  shape.group = {.ranks = 8, .ranks_per_domain = 8};
  EXPECT_GT(collective_time_s(simple_constants(), hardware, shape), 0.0) << "inside a domain nobody asks for NICs";
}

// The switch's own reduction makes the measured all-reduce up to a third faster than its two halves.
TEST(CollectiveTime, ALargeAllReduceIsNearItsTwoHalvesOnEverySystem) {
  for (const char* system : {"h100", "h200", "b200", "gb200", "gb300", "default"}) {
    const KernelConstants c = carried_constants(system);
    const auto seconds = [&](Kind kind) {
      return collective_time_s(c, h100_hardware(),
                               {.kind = kind, .bytes = 512e6, .group = {.ranks = 8, .ranks_per_domain = 8}});
    };
    const double ratio = seconds(Kind::all_reduce) / (seconds(Kind::reduce_scatter) + seconds(Kind::all_gather));
    EXPECT_GT(ratio, 0.7) << system;
    EXPECT_LT(ratio, 1.1) << system;
  }
}

TEST(CollectiveTime, MoreRailsAreFasterOnEverySystem) {
  for (const char* system : {"h100", "b200", "default"}) {
    const KernelConstants c = carried_constants(system);
    double before_s = 1e9;
    for (const int near : {1, 2, 4, 8}) {
      const CollectiveShape shape{
          .kind = Kind::reduce_scatter, .bytes = 1e9, .group = {.ranks = 64, .ranks_per_domain = near}};
      const double seconds = collective_time_s(c, h100_hardware(), shape);
      EXPECT_LT(seconds, before_s) << system << " " << near;
      before_s = seconds;
    }
  }
}

// Times of one node of H100, from the data that the constants name as their source.
TEST(CollectiveTime, MeetsMeasuredTimesOnH100) {
  const auto seconds = [](Kind kind, double bytes, int ranks) {
    return collective_time_s(carried_constants("h100"), h100_hardware(),
                             {.kind = kind, .bytes = bytes, .group = {.ranks = ranks, .ranks_per_domain = ranks}});
  };
  EXPECT_NEAR(seconds(Kind::all_gather, 536870912, 8) / 1401.5e-6, 1.0, 0.05);
  EXPECT_NEAR(seconds(Kind::reduce_scatter, 67108864, 4) / 194.6e-6, 1.0, 0.05);
}

}  // namespace
}  // namespace perfbench
