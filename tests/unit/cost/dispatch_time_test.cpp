#include "cost/dispatch_time.h"

#include <gtest/gtest.h>

#include "unit/cost/simple_constants.h"

namespace perfbench {
namespace {

// 1000 tokens of 1000 BF16 numbers go to 2 of 8 experts on 4 ranks: rows of 4 MB.
class Dispatch : public ::testing::Test {
 protected:
  Dispatch() {
    program_.mesh.size[Axis::ep] = 4;
    cost_.kernels = simple_constants();
    cost_.hardware = simple_hardware();
    cost_.stack.ep_all_to_all = 1.5;
    cost_.stack.ep_dedup = 3.0;
    cost_.stack.ep_network = 2.0;
    cost_.groups[Group::ep] = {.ranks = 4, .ranks_per_domain = 4};
    op_ = {.x = {value({2000, 1000}, DType::bf16)}, .experts = 8, .top_k = 2};
  }
  ValueId value(Shape shape, DType dtype) {
    program_.values.push_back({.type = {.shape = shape, .dtype = dtype, .placement = {}}});
    return static_cast<ValueId>(program_.values.size() - 1);
  }
  double seconds() const { return dispatch_time_s(op_, program_, cost_); }

  Program program_;
  CostModel cost_;
  AllToAll op_;
};

constexpr double kLatency = 8e-6;  // of 4 ranks
constexpr double kNvlink = 250e9, kNic = 40e9, kHop = 10e-6;

TEST_F(Dispatch, ACopyForEachChoice) { EXPECT_NEAR(seconds(), 1.5 * (kLatency + 3e6 / kNvlink), 1e-12); }

TEST_F(Dispatch, WeightsTravelWithTheirRows) {
  op_.weights = {value({2000}, DType::f32)};
  EXPECT_NEAR(seconds(), 1.5 * (kLatency + 0.75 * 4.008e6 / kNvlink), 1e-12);
}

// Half of the rows leave the domain; of the other half one rank in two is the own one.
TEST_F(Dispatch, WhatLeavesTheDomainIsAdded) {
  cost_.groups[Group::ep].ranks_per_domain = 2;
  EXPECT_NEAR(seconds(), 1.5 * (kLatency + 1e6 / kNvlink) + 2.0 * (kHop + 2e6 / kNic), 1e-12);
}

// Each token goes to 4 x 13/28 ranks, and to 2 x 22/28 domains, half of which are not its own.
TEST_F(Dispatch, ATokenOnceForEachRankAndOnceForEachDomain) {
  op_.dispatcher = Dispatcher::dedup;
  op_.gate = Gate::random;
  cost_.groups[Group::ep].ranks_per_domain = 2;
  const DispatchVolume volume = dispatch_volume(op_, 4e6, cost_.groups[Group::ep]);
  EXPECT_NEAR(volume.nvlink_bytes, 2e6 * 4.0 * 13.0 / 28.0, 1e-6);
  EXPECT_NEAR(volume.network_bytes, 2e6 * 22.0 / 28.0, 1e-6);
  EXPECT_NEAR(seconds(),
              3.0 * (kLatency + volume.nvlink_bytes / 2.0 / kNvlink) + 2.0 * (kHop + volume.network_bytes / kNic),
              1e-12);
}

// Tokens start at even experts, of which each rank has two.
TEST_F(Dispatch, ABalancedGateSendsATokenToOneRank) {
  op_.dispatcher = Dispatcher::dedup;
  op_.gate = Gate::balanced;
  EXPECT_NEAR(seconds(), 3.0 * (kLatency + 0.75 * 2e6 / kNvlink), 1e-12);
}

TEST_F(Dispatch, AllTokensToAllRanks) {
  op_.dispatcher = Dispatcher::all_gather;
  const double gathered_s = kLatency + 0.75 * 8e6 / kNvlink;
  EXPECT_NEAR(seconds(), gathered_s, 1e-12);
  op_.back = true;
  EXPECT_NEAR(seconds(), gathered_s, 1e-12);  // the same constants
}

TEST_F(Dispatch, OverlapLeavesAShare) {
  cost_.ep_share = 0.25;
  EXPECT_NEAR(seconds(), 0.25 * 1.5 * (kLatency + 3e6 / kNvlink), 1e-12);
}

TEST_F(Dispatch, TheFullestRankSetsThePaceWhereCountsDiffer) {
  cost_.fullest_rank = 2.0;
  EXPECT_NEAR(seconds(), 1.5 * (kLatency + 3e6 / kNvlink), 1e-12);  // every expert has its capacity
  op_.counts = {value({4, 8}, DType::i64)};
  EXPECT_NEAR(seconds(), 1.5 * (kLatency + 6e6 / kNvlink), 1e-12);
}

TEST_F(Dispatch, OneRankHasAllExperts) {
  cost_.groups[Group::ep] = {};
  EXPECT_EQ(seconds(), 0.0);
}

// Behind the dispatch and before the way back, rows are read and written once: 8 MB at 2 TB/s.
TEST_F(Dispatch, DroplessRowsArePaddedForFp8) {
  cost_.pads_rows = true;
  cost_.op_gap_s = 7e-6;
  EXPECT_EQ(op_time(op_, program_, cost_).size(), 1U);  // a capacity is padded already
  op_.counts = {value({4, 8}, DType::i64)};
  const std::vector<TimedStep> there = op_time(op_, program_, cost_);
  op_.back = true;
  const std::vector<TimedStep> back = op_time(op_, program_, cost_);
  ASSERT_EQ(there.size(), 3U);
  ASSERT_EQ(back.size(), 3U);
  EXPECT_EQ(there.front().lane, Lane::ep);
  EXPECT_EQ(back.back().lane, Lane::ep);
  EXPECT_EQ(there.back().part, Part::memory_bound);
  EXPECT_NEAR(there.back().seconds, 1e-6 + 8e6 / 2e12, 1e-12);
  EXPECT_NEAR(back[1].seconds, there.back().seconds, 1e-15);
}

}  // namespace
}  // namespace perfbench
