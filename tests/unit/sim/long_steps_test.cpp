// Steps of more microbatches than are played one by one, against the same steps played whole.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>
#include <limits>

#include "base/random.h"
#include "models/programs.h"
#include "sim/pipeline.h"
#include "sim/simulate.h"
#include "unit/support/jobs.h"
#include "unit/support/random_jobs.h"

namespace perfbench {
namespace {

constexpr std::int64_t kAll = std::numeric_limits<std::int64_t>::max();

// Within 1e-9 of the step, every part of it, too.
void expect_equal(const Simulation& in_part, const Simulation& whole) {
  const double most = 1e-9 * whole.step_time_s;
  EXPECT_NEAR(in_part.step_time_s, whole.step_time_s, most);
  EXPECT_NEAR(in_part.measured_s, whole.measured_s, most);
  for (int i = 0; i < kNumParts; ++i) {
    const auto part = static_cast<Part>(i);
    EXPECT_NEAR(in_part.breakdown[part], whole.breakdown[part], most) << name(part);
  }
  ASSERT_EQ(in_part.stage_end_s.size(), whole.stage_end_s.size());
  for (std::size_t stage = 0; stage < whole.stage_end_s.size(); ++stage) {
    EXPECT_NEAR(in_part.stage_end_s[stage], whole.stage_end_s[stage], most) << "stage " << stage;
  }
  EXPECT_EQ(in_part.error_s, 0.0);
}

struct Dice {
  std::uint64_t stream = 0, place = 0;

  double share() { return random_share_at(stream, place++); }
  template <class... T>
  auto pick(T... values) {
    const std::array list{values...};
    return list[random_at(stream, place++) % list.size()];
  }
};

// Chunks of which no two need take as long, with traffic beside them.
struct RandomChunks {
  struct Chunk {
    std::array<double, 2> seconds{}, traffic_s{};  // forward, backward
  };
  Plan plan;
  std::vector<TimedProgram> timed;
  std::vector<Chunk> chunks;
  bool waits = false;        // each slot for the traffic of the slot before it; else nobody before the end of the step
  double first_s = 0.0;      // traffic of each slot of the first microbatch
  double irregular_s = 0.0;  // each microbatch takes up to so much longer

  Simulation play(std::int64_t most_played) const {
    const auto play_slot = [this](int stage, const Slot& slot, const SlotInput& input, StageClock& clock,
                                  ReadyTable& ready) {
      const std::size_t phase = slot.backward ? 1 : 0;
      const Chunk& chunk = chunks[static_cast<std::size_t>(plan.kind(slot.chunk, stage))];
      clock.wait_until(input.arrival_s, Part::pipeline_bubble);
      if (waits) clock.wait_until(ready[phase].time_s, Part::dp_exposed);
      double& lane = clock.free(Lane::dp);
      lane = std::max(lane, clock.free(Lane::compute)) + (input.is_first ? first_s : chunk.traffic_s[phase]);
      ready[phase].time_s = lane;
      const double seconds = chunk.seconds[phase] * (input.is_last ? 3.0 : 1.0) +
                             irregular_s * random_share_at(1, static_cast<std::uint64_t>(slot.microbatch));
      clock.free(Lane::compute) += seconds;
      clock.breakdown[Part::matmul] += seconds;
      clock.measured_s += 0.5 * seconds;
      return clock.free(Lane::compute);
    };
    return play_pipeline(plan, timed, play_slot, 0.25, most_played);
  }
};

void set_count(PipelineShape& pipeline, int microbatches, int flushes) {
  pipeline.microbatches = (microbatches + pipeline.pp - 1) / pipeline.pp * pipeline.pp;
  pipeline.flushes = flushes;
}

RandomChunks random_chunks(Dice dice) {
  RandomChunks result;
  const int pp = dice.pick(1, 2, 3, 4, 6, 8), vp = pp == 1 ? 1 : dice.pick(1, 1, 2, 3);
  result.plan.pipeline = {.pp = pp, .vp = vp};
  const int microbatches = dice.pick(64, 4097, 6000, 20000);
  set_count(result.plan.pipeline, microbatches, microbatches == 64 ? dice.pick(70, 200) : dice.pick(1, 1, 1, 2, 5));
  const double uneven_s = dice.pick(0.0, 0.1, 1.0), send_s = dice.pick(0.0, 0.01, 1.0, 4.0);
  const double traffic_s = dice.pick(0.0, 0.9, 3.0);
  result.waits = dice.pick(true, false);
  result.first_s = dice.pick(0.0, 50.0, 2000.0);
  for (int chunk = 0; chunk < pp * vp; ++chunk) {
    result.plan.chunks.push_back({.kind = chunk});
    result.chunks.push_back({.seconds = {1.0 + uneven_s * dice.share(), 2.0 + uneven_s * dice.share()},
                             .traffic_s = {traffic_s * dice.share(), traffic_s * dice.share()}});
    TimedProgram& timed = result.timed.emplace_back();
    timed.num_values = 2;
    timed.forward_send_s = send_s * dice.share();
    timed.backward_send_s = send_s * dice.share();
  }
  return result;
}

std::string text(const PipelineShape& pipeline) {
  return "pp " + std::to_string(pipeline.pp) + " vp " + std::to_string(pipeline.vp) + " microbatches " +
         std::to_string(pipeline.microbatches) + " flushes " + std::to_string(pipeline.flushes);
}

std::string text(const Job& job, const Plan& plan) {
  return "stack " + job.stack.name + " tp " + std::to_string(job.layout.tp) + " dp " + std::to_string(job.layout.dp) +
         (job.layout.fsdp ? " fsdp " : " ") + text(plan.pipeline);
}

// Lanes that fall behind compute and catch up, or never do; transfers that are faster or slower than the chunks.
TEST(LongSteps, OfRandomPipelinesTakeAsLongAsPlayedWhole) {
  for (std::uint64_t stream = 0; stream < 100; ++stream) {
    const RandomChunks chunks = random_chunks({.stream = stream});
    SCOPED_TRACE(std::to_string(stream) + ": " + text(chunks.plan.pipeline));
    expect_equal(chunks.play(kMostPlayed), chunks.play(kAll));
  }
}

const KernelConstants& h100_kernels() {
  static const KernelConstants kernels =
      read_kernel_constants(std::filesystem::path(PERFBENCH_SOURCE_DIR) / "model_configs" / "kernels" / "h100.json");
  return kernels;
}

// On fast and slow networks, in one domain and in many.
CostModel random_cost(RandomJobs& random, const Job& job) {
  CostModel cost = cost_model(job, h100_kernels());
  if (random.flip()) return cost;
  cost.kernels.network.bandwidth_share *= random.pick(std::array{0.1, 0.01});
  for (GroupShape* group : {&cost.groups[Group::copies], &cost.groups[Group::tp], &cost.neighbours}) {
    if (random.flip()) group->ranks_per_domain = 1;
  }
  return cost;
}

TEST(LongSteps, OfRandomJobsTakeAsLongAsPlayedWhole) {
  RandomJobs random(1);
  const SystemSpec h100 = Catalog(std::filesystem::path(PERFBENCH_SOURCE_DIR) / "model_configs").system("h100", "");
  for (int i = 0; i < 30; ++i) {
    Job job = random.next();
    const bool is_one_flush = random.flip();
    const int count = is_one_flush ? random.pick(std::array{4097, 6000}) : random.pick(std::array{300, 1000});
    job.system = h100;
    Plan plan = build_plan(job);
    set_count(plan.pipeline, is_one_flush ? count : 16, is_one_flush ? 1 : count);
    SCOPED_TRACE(std::to_string(i) + ": " + text(job, plan));
    const CostModel cost = random_cost(random, job);
    expect_equal(simulate(plan, cost), simulate(plan, cost, kAll));
    if (i % 4 == 0) expect_equal(simulate_flat(plan, cost), simulate_flat(plan, cost, kAll));
  }
}

// Times of a step are a line over the number of its periods: two points give the others.
TEST(LongSteps, OfAsManyMicrobatchesAsAJobMayHaveGoOnAsShorterOnesDo) {
  for (const TestLayout layout : {TestLayout{}, TestLayout{.pp = 4, .dp = 2}, TestLayout{.pp = 4, .vp = 2}}) {
    for (const bool in_flushes : {false, true}) {
      const Job job = real_job({.dtype = "fp8", .layout = layout});
      Plan plan = build_plan(job);
      const CostModel cost = cost_model(
          job, read_kernel_constants(std::filesystem::path(PERFBENCH_SOURCE_DIR) / "model_configs/kernels/h100.json"));
      const auto step_s = [&](int microbatches) {
        const int flushes = in_flushes ? microbatches / 1024 : 1;
        set_count(plan.pipeline, microbatches / flushes, flushes);
        const Simulation quick = simulate(plan, cost), flat = simulate_flat(plan, cost);
        EXPECT_NEAR(quick.breakdown.total() / quick.step_time_s, 1.0, 1e-9);
        EXPECT_NEAR(quick.step_time_s / flat.step_time_s, 1.0, 0.005);
        EXPECT_EQ(quick.error_s + flat.error_s, 0.0);
        return std::array{quick.step_time_s, flat.step_time_s};
      };
      const auto some = step_s(1 << 13), twice = step_s(1 << 14), many = step_s(1 << 24), most = step_s(1 << 30);
      for (const std::size_t i : {0U, 1U}) {
        const double each_s = (twice[i] - some[i]) / (1 << 13);
        EXPECT_NEAR((some[i] + each_s * ((1 << 24) - (1 << 13))) / many[i], 1.0, 1e-9);
        EXPECT_NEAR((some[i] + each_s * ((1 << 30) - (1 << 13))) / most[i], 1.0, 1e-9);
      }
    }
  }
}

TEST(LongSteps, WithoutAPeriodSayWhatTheyMayBeOffBy) {
  for (const std::uint64_t stream : {1U, 2U, 3U, 4U}) {
    RandomChunks chunks = random_chunks({.stream = stream});
    SCOPED_TRACE(text(chunks.plan.pipeline));
    set_count(chunks.plan.pipeline, 20000, 1);
    chunks.irregular_s = 0.5;
    const Simulation in_part = chunks.play(kMostPlayed), whole = chunks.play(kAll);
    EXPECT_GT(in_part.error_s, 0.0);
    EXPECT_LT(in_part.error_s, 0.1 * whole.step_time_s);
    EXPECT_NEAR(in_part.step_time_s, whole.step_time_s, in_part.error_s);
    EXPECT_NEAR(in_part.breakdown.total() / in_part.step_time_s, 1.0, 1e-9);
    set_count(chunks.plan.pipeline, 1 << 30, 1);
    EXPECT_GT(chunks.play(kMostPlayed).error_s, in_part.error_s);
  }
}

// A forward waits for a lane that is late and catches up by `faster_s` with every microbatch; what it waits less its
// backward waits more, for a lane that sets the pace. Only the parts of the step change.
Simulation play_shifting_waits(double faster_s, std::int64_t most_played) {
  Job job = tiny_job(1, {}, 20000);
  const Plan plan{.pipeline = pipeline_shape(job), .kinds = {Program{}}, .chunks = {{}}};
  const auto play_slot = [&](int, const Slot& slot, const SlotInput& input, StageClock& clock, ReadyTable&) {
    if (input.is_first && !slot.backward) clock.free_s = {0.0, 10.0, 0.0, 0.0, 8.5};  // compute, tp, cp, ep, dp
    const Lane lane = slot.backward ? Lane::tp : Lane::dp;
    clock.free(lane) += slot.backward ? 3.0 : 3.0 - faster_s;
    clock.wait_until(clock.free(lane), slot.backward ? Part::tp_exposed : Part::dp_exposed);
    clock.free(Lane::compute) += 1.0;
    clock.breakdown[Part::matmul] += 1.0;
    return kNoWait;
  };
  return play_pipeline(plan, {TimedProgram{}}, play_slot, 0.0, most_played);
}

TEST(LongSteps, MayShiftAWaitFromOnePartToAnother) {
  for (const double faster_s : {0x1p-7, 0x1p-10, 0x1p-17}) {  // for 64 and 512 microbatches, and beyond the last
    expect_equal(play_shifting_waits(faster_s, kMostPlayed), play_shifting_waits(faster_s, kAll));
  }
}

TEST(LongSteps, OfUsualLengthArePlayedWhole) {
  RandomChunks chunks = random_chunks({.stream = 1});
  set_count(chunks.plan.pipeline, kMostPlayed / 4, 4);
  chunks.irregular_s = 0.5;
  EXPECT_EQ(chunks.play(kMostPlayed).step_time_s, chunks.play(kAll).step_time_s);
}

}  // namespace
}  // namespace perfbench
