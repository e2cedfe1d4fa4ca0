#include "program/pipeline_transfers.h"

#include <gtest/gtest.h>

#include <map>
#include <utility>

#include "unit/support/schedules.h"

namespace perfbench {
namespace {

using Lane = TransferLane;

TEST(PipelineTransfers, OneStageHasNone) {
  for (const StageStep& step : stage_steps({.pp = 1, .vp = 1, .microbatches = 4, .flushes = 1}, 0)) {
    EXPECT_TRUE(step.receives_to_post.empty() && !step.receive && !step.send);
  }
}

// Slots of stage 1 of 3 with one microbatch: forward, backward.
TEST(PipelineTransfers, AMiddleStageTakesFromBothSidesAndGivesToBoth) {
  const auto steps = stage_steps({.pp = 3, .vp = 1, .microbatches = 1, .flushes = 1}, 1);
  ASSERT_EQ(steps.size(), 2U);
  const StageTransfer activation{.lane = Lane::receive_forward, .peer = 0, .channel = 0, .slot = 0};
  const StageTransfer gradient{.lane = Lane::receive_backward, .peer = 2, .channel = 1, .slot = 1};
  EXPECT_EQ(steps[0].receives_to_post, (std::vector{activation, gradient}));
  EXPECT_EQ(steps[0].receive, activation);
  EXPECT_EQ(steps[0].send, (StageTransfer{.lane = Lane::send_forward, .peer = 2, .channel = 0, .slot = 0}));
  EXPECT_TRUE(steps[1].receives_to_post.empty());
  EXPECT_EQ(steps[1].receive, gradient);
  EXPECT_EQ(steps[1].send, (StageTransfer{.lane = Lane::send_backward, .peer = 0, .channel = 1, .slot = 1}));
}

TEST(PipelineTransfers, EachReceiveIsPostedOnceOneSlotAhead) {
  const PipelineShape shape{.pp = 4, .vp = 2, .microbatches = 8, .flushes = 2};
  for (int stage = 0; stage < shape.pp; ++stage) {
    const auto steps = stage_steps(shape, stage);
    std::vector<int> posted(steps.size(), 0);
    for (std::size_t i = 0; i < steps.size(); ++i) {
      for (const StageTransfer& t : steps[i].receives_to_post) {
        ++posted[t.slot];
        EXPECT_EQ(t, steps[t.slot].receive);
        EXPECT_EQ(i, t.slot == 0 ? 0 : t.slot - 1);
      }
    }
    for (std::size_t i = 0; i < steps.size(); ++i) EXPECT_EQ(posted[i], steps[i].receive ? 1 : 0);
  }
}

// The ends of the model: its first chunk receives no activation and sends no gradient, its last chunk the reverse; the
// chunks between stages wrap around from the last stage to the first.
TEST(PipelineTransfers, OnlyTheEndsOfTheModelHaveNoNeighbour) {
  const PipelineShape shape{.pp = 2, .vp = 2, .microbatches = 2, .flushes = 1};
  for (int stage : {0, 1}) {
    for (const StageStep& step : stage_steps(shape, stage)) {
      const bool first = stage == 0 && step.slot.chunk == 0, last = stage == 1 && step.slot.chunk == 1;
      const bool up = step.slot.backward ? last : first, down = step.slot.backward ? first : last;
      EXPECT_EQ(step.receive.has_value(), !up);
      EXPECT_EQ(step.send.has_value(), !down);
      EXPECT_EQ(step.receive.value_or(StageTransfer{.peer = 1 - stage}).peer, 1 - stage);
      EXPECT_EQ(step.send.value_or(StageTransfer{.peer = 1 - stage}).peer, 1 - stage);
    }
  }
}

}  // namespace
}  // namespace perfbench
