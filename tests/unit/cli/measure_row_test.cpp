// What becomes of a session's reports, with a session that computes nothing.
#include "cli/measure_row.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "models/decoder.h"
#include "sim/memory.h"
#include "unit/support/jobs.h"

namespace perfbench {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// tp 2, pp 2 on the CPU.
Job cpu_job() {
  Job job = tiny_job(4, {.tp = 2, .pp = 2});
  job.system = {};
  job.system.name = "cpu";
  job.system.precisions = {Precision::bf16};
  job.stack.name = "perfbench";
  job.stack.constants.reserved_bytes = 5e9;
  return job;
}

std::int64_t planned_bytes(const Job& job, int stage) {
  const StageMemoryBytes bytes = replay_memory(job, build_programs(job))[static_cast<std::size_t>(stage)];
  return std::llround(bytes.total() - bytes.reserved);
}

// Each step takes 1 s on rank 0, 1/16 s more on each further one, and as much again in the warm-up.
class FakeSession : public Session {
 public:
  explicit FakeSession(const Job& job) : job_(job) {}

  std::vector<HostTensor> parameters() const override { return {}; }
  std::vector<HostTensor> trainable_parameters() const override { return {}; }
  void load(const std::function<HostTensor(const std::string&)>&) override {}
  std::vector<HostTensor> gradients() override { return {}; }
  std::vector<OpSeconds> op_seconds() const override { return {}; }
  std::vector<HostTensor> weights() override { return {}; }
  StepReport step(const Batch&, StepKind kind) override {
    EXPECT_EQ(kind, StepKind::train);
    ++steps_;
    if (steps_ == fails_at) throw RunError("rank 2", "is gone");
    StepReport report{.loss = steps_ == nan_at ? std::nan("") : 6.9, .grad_norm = 1.0, .seconds = 0.0, .ranks = {}};
    for (int rank = 0; rank < job_.num_gpus; ++rank) {
      RankReport of_rank{.stage = rank / 2, .tp = rank % 2};
      of_rank.seconds = (1.0 + 0.0625 * rank) * (steps_ <= 2 ? 2.0 : 1.0);
      of_rank.state_bytes = 1000;
      of_rank.peak_value_bytes = planned_bytes(job_, of_rank.stage) - 1000 + (rank == 3 ? extra_bytes : 0);
      report.seconds = std::max(report.seconds, of_rank.seconds);
      report.ranks.push_back(of_rank);
    }
    return report;
  }

  std::int64_t nan_at = 0, fails_at = 0, extra_bytes = 0;

 private:
  const Job& job_;
  std::int64_t steps_ = 0;
};

struct Measured {
  Row row;
  std::vector<LoggedStep> steps;
  int opened = 0;
};

template <typename Change>
Measured measured(const Job& job, std::optional<std::int64_t> available, Change change) {
  Measured result;
  const MeasureSettings settings{.device = Device::cpu, .steps = 5, .warmup = 2, .seed = 7};
  const MeasureParts parts{.open =
                               [&](const Job& opened, const JobPrograms&, const SessionSettings& of_session) {
                                 ++result.opened;
                                 EXPECT_EQ(of_session.seed, 7u);
                                 auto session = std::make_unique<FakeSession>(opened);
                                 change(*session);
                                 return session;
                               },
                           .batch = [](const Job&, std::uint64_t, std::int64_t) { return Batch{}; },
                           .available_bytes = [&] { return available; },
                           .step_done = [&](const LoggedStep& step) { result.steps.push_back(step); }};
  result.row = RowMeasurer(settings, parts)(job);
  return result;
}

Measured measured(const Job& job, std::optional<std::int64_t> available = std::nullopt) {
  return measured(job, available, [](FakeSession&) {});
}

TEST(MeasureRow, TimesTheStepsAfterTheWarmUp) {
  const Job job = cpu_job();
  const Measured result = measured(job);
  const Row& row = result.row;
  EXPECT_EQ(row.method, Method::measured);
  EXPECT_EQ(row.status, Status::ok) << row.reason;
  EXPECT_EQ(row.step_time_s, 1.1875);  // of the slowest of four ranks
  EXPECT_THAT(row.samples_s, ElementsAre(1.1875, 1.1875, 1.1875));
  EXPECT_EQ(row.window, "steps 3-5 of 5");
  EXPECT_EQ(row.rank_spread, 1.1875);
  EXPECT_EQ(row.loss_ok, true);
  EXPECT_EQ(row.mfu, std::nullopt);
  EXPECT_EQ(row.peak_tflops, std::nullopt);
  ASSERT_EQ(result.steps.size(), 5u);
  EXPECT_EQ(result.steps[0].seconds, 2.375);
  EXPECT_EQ(result.steps[4].step, 5);
  EXPECT_EQ(result.steps[4].num_steps, 5);
  EXPECT_EQ(result.steps[4].gbs, job.gbs);
}

TEST(MeasureRow, PutsThePlanBesideTheEnginesBytes) {
  const Job job = cpu_job();
  const Row row = measured(job).row;
  const double most = static_cast<double>(std::max(planned_bytes(job, 0), planned_bytes(job, 1)));
  EXPECT_EQ(row.peak_memory_gib, most / 1073741824.0);
  EXPECT_EQ(row.predicted_peak_memory_gib, row.peak_memory_gib);  // without the 5 GB that a GPU reserves
  ASSERT_EQ(row.memory.size(), 4u);
  EXPECT_EQ(row.memory[0].category, "states");
  EXPECT_EQ(row.memory[0].gib, 1000 / 1073741824.0);
  EXPECT_EQ(row.memory[3].stage, 1);
  EXPECT_EQ(row.predicted_memory.size(), 10u);
  for (const std::string& note : row.notes) EXPECT_THAT(note, Not(HasSubstr("not as planned")));
}

TEST(MeasureRow, NamesTheRankWhoseMemoryIsNotAsPlanned) {
  const Row row = measured(cpu_job(), std::nullopt, [](FakeSession& session) { session.extra_bytes = 4; }).row;
  EXPECT_EQ(row.status, Status::ok);
  EXPECT_THAT(row.notes, testing::Contains(HasSubstr("memory of rank 3 (stage 1) is not as planned")));
  EXPECT_GT(row.peak_memory_gib, row.predicted_peak_memory_gib);
}

TEST(MeasureRow, ALossThatIsNotFiniteIsNoResult) {
  const Row row = measured(cpu_job(), std::nullopt, [](FakeSession& session) { session.nan_at = 1; }).row;
  EXPECT_EQ(row.loss_ok, false);  // in the warm-up, too
  EXPECT_EQ(row.status, Status::failed);
  EXPECT_EQ(row.feature, "loss");
  EXPECT_EQ(row.reason, "the loss of step 1 is nan");
  EXPECT_EQ(row.step_time_s, std::nullopt);
  EXPECT_EQ(row.samples_s.size(), 3u);
}

TEST(MeasureRow, WhatCannotFitIsNotOpened) {
  const Job job = cpu_job();
  const std::int64_t ranks = 2 * (planned_bytes(job, 0) + planned_bytes(job, 1)), process = std::int64_t{1} << 29;
  EXPECT_EQ(measured(job, ranks + process).opened, 1);
  const Measured result = measured(job, ranks + process - 1);
  EXPECT_EQ(result.opened, 0);
  EXPECT_EQ(result.row.status, Status::oom);
  EXPECT_EQ(result.row.feature, "host memory");
  EXPECT_THAT(result.row.reason, HasSubstr("the 4 ranks need 0.50 GiB together"));
  EXPECT_TRUE(result.row.predicted_peak_memory_gib);
}

TEST(MeasureRow, AStepThatFailsIsARow) {
  const Row row = measured(cpu_job(), std::nullopt, [](FakeSession& session) { session.fails_at = 3; }).row;
  EXPECT_EQ(row.status, Status::failed);
  EXPECT_EQ(row.reason, "rank 2: is gone");
  EXPECT_THAT(row.samples_s, IsEmpty());
}

TEST(MeasureRow, AnotherStackIsUnsupported) {
  Job job = cpu_job();
  job.stack.name = "megatron";
  const Measured result = measured(job);
  EXPECT_EQ(result.opened, 0);
  EXPECT_EQ(result.row.status, Status::unsupported);
  EXPECT_EQ(result.row.feature, "stack megatron");
}

TEST(MeasureRow, WhatTheEngineLacksIsUnsupported) {
  const MeasureParts parts{
      .open = [](const Job&, const JobPrograms&, const SessionSettings&) -> std::unique_ptr<Session> {
        throw Unsupported("dropout", "no dropout yet");
      },
      .batch = {},
      .available_bytes = [] { return std::nullopt; },
      .step_done = {}};
  const Row row = RowMeasurer({}, parts)(cpu_job());
  EXPECT_EQ(row.status, Status::unsupported);
  EXPECT_EQ(row.feature, "dropout");
}

}  // namespace
}  // namespace perfbench
