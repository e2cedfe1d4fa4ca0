#include "sim/pipeline.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "unit/support/jobs.h"

namespace perfbench {
namespace {

constexpr double kForward = 3.0, kBackward = 5.0;

// Equal chunks of fixed times: the pipeline alone.
struct EqualChunks {
  double forward_s = kForward, backward_s = kBackward, send_s = 0.0, optimizer_s = 0.0, step_fixed_s = 0.0;

  Simulation play(const Job& job) const {
    const Plan plan{
        .pipeline = pipeline_shape(job), .kinds = {Program{}}, .chunks = std::vector<PlannedChunk>(job.chunks.size())};
    TimedProgram timed;
    timed.forward_send_s = timed.backward_send_s = send_s;
    timed.optimizer_s = optimizer_s;
    const auto play_slot = [this](int, const Slot& slot, const SlotInput& input, StageClock& clock, ReadyTable&) {
      clock.wait_until(input.arrival_s, Part::pipeline_bubble);
      const double seconds = slot.backward ? backward_s : forward_s;
      clock.free(Lane::compute) += seconds;
      clock.breakdown[Part::matmul] += seconds;
      return clock.free(Lane::compute);
    };
    return play_pipeline(plan, {timed}, play_slot, step_fixed_s);
  }
};

TEST(Pipeline, TakesTheClosedFormOfOneForwardOneBackward) {
  for (const int pp : {1, 2, 4, 8}) {
    for (const int microbatches : {1, 3, 8, 64}) {
      const Simulation result = EqualChunks{}.play(tiny_job(64, {.pp = pp}, microbatches));
      EXPECT_DOUBLE_EQ(result.step_time_s, (microbatches + pp - 1) * (kForward + kBackward))
          << "pp " << pp << " microbatches " << microbatches;
      EXPECT_DOUBLE_EQ(result.breakdown[Part::matmul], microbatches * (kForward + kBackward));
      EXPECT_DOUBLE_EQ(result.breakdown[Part::pipeline_bubble], (pp - 1) * (kForward + kBackward));
    }
  }
}

// A chunk is 1 / vp of a stage: n t + (pp - 1) t / vp.
TEST(Pipeline, TakesTheClosedFormOfTheInterleavedSchedule) {
  for (const int pp : {2, 4, 8}) {
    for (const int vp : {2, 4}) {
      for (const int groups : {1, 2, 8}) {
        const int microbatches = groups * pp;
        const Simulation result = EqualChunks{}.play(tiny_job(64, {.pp = pp, .vp = vp}, microbatches));
        EXPECT_DOUBLE_EQ(result.step_time_s, (microbatches * vp + pp - 1) * (kForward + kBackward))
            << "pp " << pp << " vp " << vp << " microbatches " << microbatches;
      }
    }
  }
}

TEST(Pipeline, PaysTheBubbleOncePerFlush) {
  Job job = tiny_job(4, {.pp = 4}, 6);
  job.num_flushes = 3;
  EXPECT_DOUBLE_EQ(EqualChunks{}.play(job).step_time_s, 3 * (6 + 4 - 1) * (kForward + kBackward));
}

TEST(Pipeline, OneMicrobatchPaysEveryTransfer) {
  // Three transfers forward, three backward.
  EXPECT_DOUBLE_EQ((EqualChunks{.send_s = 0.5}.play(tiny_job(4, {.pp = 4}, 1)).step_time_s),
                   4 * (kForward + kBackward) + 6 * 0.5);
  EXPECT_DOUBLE_EQ((EqualChunks{.send_s = 0.5}.play(tiny_job(4, {.pp = 1}, 1)).step_time_s), kForward + kBackward);
}

TEST(Pipeline, TheUpdateOfTheLargestStageComesAfterTheLastStage) {
  const EqualChunks chunks{.optimizer_s = 2.0, .step_fixed_s = 0.25};
  const Simulation result = chunks.play(tiny_job(8, {.pp = 2, .vp = 2}, 2));
  EXPECT_DOUBLE_EQ(result.breakdown[Part::optimizer], 2 * 2.0);  // of both chunks of a stage
  EXPECT_DOUBLE_EQ(result.breakdown[Part::step_fixed], 0.25);
  EXPECT_DOUBLE_EQ(result.step_time_s, *std::max_element(result.stage_end_s.begin(), result.stage_end_s.end()) + 4.25);
  EXPECT_DOUBLE_EQ(result.breakdown.total(), result.step_time_s);
}

TEST(Pipeline, TellsTheFirstAndTheLastMicrobatchOfTheStep) {
  Job job = tiny_job(2, {.pp = 2}, 3);
  job.num_flushes = 2;
  const Plan plan{.pipeline = pipeline_shape(job), .kinds = {Program{}}, .chunks = {{}, {}}};
  int firsts = 0, lasts = 0;
  const auto count = [&](int, const Slot& slot, const SlotInput& input, StageClock&, ReadyTable&) {
    EXPECT_EQ(input.is_first, slot.microbatch == 0);
    EXPECT_EQ(input.is_last, slot.microbatch == 5);
    firsts += input.is_first;
    lasts += input.is_last;
    return 0.0;
  };
  play_pipeline(plan, {TimedProgram{}}, count, 0.0);
  EXPECT_EQ(firsts, 2 * 2);  // forward and backward on two stages
  EXPECT_EQ(lasts, 2 * 2);
}

TEST(StageClock, AnOpStartsWhenItsLaneIsIdleAndItsInputsAreThere) {
  StageClock clock;
  ReadyTable ready(4);
  const auto op = [](std::vector<ValueId> reads, std::vector<ValueId> writes, std::vector<TimedStep> steps) {
    return TimedOp{.reads = std::move(reads), .writes = std::move(writes), .steps = std::move(steps)};
  };
  const std::vector<TimedOp> ops = {
      op({}, {0}, {{Lane::compute, 2.0, Part::matmul}}),      // 0 to 2
      op({0}, {1}, {{Lane::tp, 5.0, Part::tp_exposed}}),      // 2 to 7
      op({0}, {2}, {{Lane::compute, 1.0, Part::attention}}),  // 2 to 3, beside it
      op({1}, {3}, {{Lane::compute, 1.0, Part::matmul}}),     // waits from 3 to 7
  };
  clock.play(ops, false, false, ready);
  EXPECT_DOUBLE_EQ(clock.free(Lane::compute), 8.0);
  EXPECT_DOUBLE_EQ(clock.free(Lane::tp), 7.0);
  EXPECT_DOUBLE_EQ(clock.breakdown[Part::matmul], 3.0);
  EXPECT_DOUBLE_EQ(clock.breakdown[Part::attention], 1.0);
  EXPECT_DOUBLE_EQ(clock.breakdown[Part::tp_exposed], 4.0);
  EXPECT_DOUBLE_EQ(clock.breakdown.total(), 8.0);
}

TEST(StageClock, StepsOfAnOpFollowEachOther) {
  StageClock clock;
  ReadyTable ready(1);
  const TimedOp loss{.reads = {},
                     .writes = {0},
                     .steps = {{Lane::compute, 1.0, Part::memory_bound},
                               {Lane::tp, 2.0, Part::tp_exposed},
                               {Lane::compute, 1.0, Part::memory_bound},
                               {Lane::tp, 2.0, Part::tp_exposed}}};
  clock.play({loss}, false, false, ready);
  EXPECT_DOUBLE_EQ(clock.free(Lane::compute), 4.0);
  EXPECT_DOUBLE_EQ(clock.free(Lane::tp), 6.0);
  EXPECT_DOUBLE_EQ(ready[0].time_s, 6.0);
  EXPECT_DOUBLE_EQ(clock.breakdown[Part::tp_exposed], 2.0);
}

TEST(StageClock, ConditionsHoldForTheFirstAndTheLastMicrobatch) {
  const auto seconds = [](bool is_first, bool is_last) {
    StageClock clock;
    ReadyTable ready;
    const auto op = [](When when, double s) {
      return TimedOp{.when = when, .reads = {}, .writes = {}, .steps = {{Lane::compute, s, Part::matmul}}};
    };
    clock.play({op(When::always, 1.0), op(When::first_microbatch, 10.0), op(When::last_microbatch, 100.0)}, is_first,
               is_last, ready);
    return clock.free(Lane::compute);
  };
  EXPECT_EQ(seconds(false, false), 1.0);
  EXPECT_EQ(seconds(true, false), 11.0);
  EXPECT_EQ(seconds(false, true), 101.0);
  EXPECT_EQ(seconds(true, true), 111.0);
}

}  // namespace
}  // namespace perfbench
