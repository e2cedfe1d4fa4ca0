#include <gtest/gtest.h>

#include "sim/host_issue.h"
#include "sim/stage_clock.h"

namespace perfbench {
namespace {

TimedOp kernel(double seconds, double issue_s, ValueId out = 0) {
  return {.writes = {out}, .steps = {{Lane::compute, seconds, Part::matmul}}, .issue_s = issue_s};
}

TimedOp transfer(double seconds, double issue_s, bool host_waits) {
  return {.reads = {0},
          .writes = {1},
          .steps = {{Lane::ep, seconds, Part::ep_exposed}},
          .issue_s = issue_s,
          .host_waits = host_waits};
}

StageClock play(const std::vector<TimedOp>& ops, double compute_free_s = 0.0, double issued_s = 0.0) {
  StageClock clock;
  clock.free(Lane::compute) = compute_free_s;
  clock.issued_s = issued_s;
  ReadyTable ready(4);
  clock.play(ops, false, false, ready);
  return clock;
}

TEST(Host, NoOpStartsBeforeItIsLaunched) {
  const StageClock clock = play({kernel(1.0, 2.0), kernel(5.0, 2.0), kernel(1.0, 2.0)});
  EXPECT_DOUBLE_EQ(clock.issued_s, 6.0);
  EXPECT_DOUBLE_EQ(clock.free(Lane::compute), 4.0 + 5.0 + 1.0);  // launched at 2, 4 and 6
  EXPECT_DOUBLE_EQ(clock.breakdown[Part::host], 2.0 + 1.0);
}

TEST(Host, AHostThatIsAheadIsNotWaitedFor) {
  const StageClock clock = play({kernel(1.0, 2.0), kernel(1.0, 2.0)}, 10.0);
  EXPECT_DOUBLE_EQ(clock.free(Lane::compute), 12.0);
  EXPECT_DOUBLE_EQ(clock.breakdown[Part::host], 0.0);
}

// The transfer is done at 11, and only then is the next kernel's launch begun.
TEST(Host, WhatItReadsBackStopsTheHost) {
  const StageClock waits = play({kernel(10.0, 0.0), transfer(1.0, 0.5, true), kernel(1.0, 2.0, 2)});
  EXPECT_DOUBLE_EQ(waits.issued_s, 13.0);
  EXPECT_DOUBLE_EQ(waits.free(Lane::compute), 14.0);
  const StageClock runs_on = play({kernel(10.0, 0.0), transfer(1.0, 0.5, false), kernel(1.0, 2.0, 2)});
  EXPECT_DOUBLE_EQ(runs_on.issued_s, 2.5);
  EXPECT_DOUBLE_EQ(runs_on.free(Lane::compute), 11.0);
}

// A layer with 4 local experts: forward norm, route, product, norm behind; backward two products and a norm.
Program one_layer() {
  Program program;
  program.num_layers = 1;
  program.values.push_back({.type = {.shape = {64, 8}, .dtype = DType::bf16, .placement = {}}});
  program.values.push_back({.type = {.shape = {4, 16, 8}, .dtype = DType::bf16, .placement = {}}});
  const auto add = [](std::vector<Node>& nodes, Op op, int layer = 0) {
    nodes.push_back({.op = std::move(op), .layer = layer});
  };
  const RmsNorm norm{.x = {0}, .y = {0}};
  const GroupedMatmul product{.a = {0}, .b = {1}, .out = {0}};
  add(program.forward, norm, -1);
  add(program.forward, norm);
  add(program.forward, Route{.logits = {0}});
  add(program.forward, ShareCounts{.counts = {0}, .all = {0}});
  add(program.forward, product);
  add(program.forward, norm);
  add(program.backward, GroupedWeightGrad{.dy = {0}, .x = {0}, .dw = {1}});
  add(program.backward, product);
  add(program.backward, norm);
  return program;
}

std::vector<double> seconds(const std::vector<Issue>& issues) {
  std::vector<double> list;
  for (const Issue& issue : issues) list.push_back(issue.seconds);
  return list;
}

// 5 ops from the first to the last that handle experts, in both phases, share 10 s; 3 norms share 6 s; 3 products
// have 4 experts x 3 s.
TEST(HostIssue, ALayersTimeIsSpreadOverItsOps) {
  const HostTimes host{.attention_s = 6.0, .moe_s = 10.0, .expert_s = 3.0, .attention_gap = 0.25};
  const IssueTimes times = issue_times(one_layer(), host);
  EXPECT_EQ(seconds(times.forward), (std::vector{0.0, 2.0, 2.0, 2.0, 2.0 + 4.0, 2.0}));
  EXPECT_EQ(seconds(times.backward), (std::vector{2.0 + 4.0, 2.0 + 4.0, 2.0}));
  EXPECT_TRUE(times.forward[3].waits);
  EXPECT_FALSE(times.forward[2].waits);
  EXPECT_EQ(times.forward[1].gap_share, 0.25);
  EXPECT_EQ(times.forward[2].gap_share, 1.0);
  EXPECT_EQ(times.forward[0].gap_share, 1.0);  // outside the layers
}

TEST(HostIssue, WithoutExpertsEverythingIsLaunchedInTime) {
  const IssueTimes times = issue_times(one_layer(), {});
  EXPECT_EQ(seconds(times.forward), std::vector<double>(6, 0.0));
  EXPECT_FALSE(times.forward[3].waits);
}

}  // namespace
}  // namespace perfbench
