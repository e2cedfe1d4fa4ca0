#include "sim/stage_clock.h"

#include <gtest/gtest.h>

namespace perfbench {
namespace {

// Three units of 10 s on the compute lane, each with a gather on the dp lane that is issued one unit ahead.
// Values: 0 the input, 1 to 3 what is gathered, 4 to 6 what the units make.
std::vector<TimedOp> three_units(double gather_s, double last_gather_s, bool with_edges) {
  const auto gather = [&](ValueId out, double seconds, ValueId after) {
    return TimedOp{
        .writes = {out}, .steps = {{Lane::dp, seconds, Part::dp_exposed}}, .after = with_edges ? after : kNoValue};
  };
  const auto unit = [](ValueId in, ValueId whole, ValueId out) {
    return TimedOp{.reads = {in, whole}, .writes = {out}, .steps = {{Lane::compute, 10.0, Part::matmul}}};
  };
  return {gather(1, gather_s, 0),      gather(2, gather_s, 0), unit(0, 1, 4),
          gather(3, last_gather_s, 4), unit(4, 2, 5),          unit(5, 3, 6)};
}

struct Played {
  StageClock clock;
  ReadyTable ready = ReadyTable(7);
};

Played play(const std::vector<TimedOp>& ops, double start_s = 0.0) {
  Played played;
  played.clock.free(Lane::compute) = start_s;
  played.clock.play(ops, false, false, played.ready);
  return played;
}

TEST(StageClock, APrefetchHidesBehindTheUnitBefore) {
  const Played played = play(three_units(4.0, 4.0, true));
  EXPECT_DOUBLE_EQ(played.clock.free(Lane::compute), 4.0 + 3 * 10.0);  // the first gather alone is waited for
  EXPECT_DOUBLE_EQ(played.clock.breakdown[Part::dp_exposed], 4.0);
}

// Without the edge the lane is free at 8 s, a unit too early: two units would be gathered ahead, and a long gather
// would be done too soon.
TEST(StageClock, AnOpWithAControlEdgeDoesNotStartBeforeItsValue) {
  EXPECT_DOUBLE_EQ(play(three_units(4.0, 4.0, true)).ready[3].time_s, 14.0 + 4.0);
  EXPECT_DOUBLE_EQ(play(three_units(4.0, 4.0, false)).ready[3].time_s, 12.0);
  EXPECT_DOUBLE_EQ(play(three_units(4.0, 12.0, true)).clock.free(Lane::compute), 14.0 + 12.0 + 10.0);
  EXPECT_DOUBLE_EQ(play(three_units(4.0, 12.0, false)).clock.free(Lane::compute), 4.0 + 3 * 10.0);
}

TEST(StageClock, AnOpWithAControlEdgeBelongsToItsSlot) {
  EXPECT_DOUBLE_EQ(play(three_units(4.0, 4.0, true), 100.0).ready[1].time_s, 104.0);
  EXPECT_DOUBLE_EQ(play(three_units(4.0, 4.0, false), 100.0).ready[1].time_s, 4.0);
}

// The share of traffic that slows compute down is charged when the op is issued: compute itself waits for no edge.
TEST(StageClock, ComputeDoesNotWaitForTheEdge) {
  Played played;
  played.ready[0].time_s = 50.0;
  played.clock.play({TimedOp{.writes = {1},
                             .steps = {{Lane::compute, 1.0, Part::dp_exposed}, {Lane::dp, 4.0, Part::dp_exposed}},
                             .after = 0}},
                    false, false, played.ready);
  EXPECT_DOUBLE_EQ(played.clock.free(Lane::compute), 1.0);
  EXPECT_DOUBLE_EQ(played.clock.free(Lane::dp), 54.0);
}

}  // namespace
}  // namespace perfbench
