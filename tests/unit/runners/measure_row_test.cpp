// What becomes of a session's reports, with a session that computes nothing.
#include "runners/measure_row.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <new>

#include "engine/watched_session.h"
#include "models/programs.h"
#include "sim/memory.h"
#include "unit/support/gpus.h"
#include "unit/support/hang.h"
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
  job.stack.constants.context_bytes = 5e9;
  return job;
}

std::int64_t planned_bytes(const Job& job, int stage) {
  const StageMemoryBytes bytes = replay_memory(build_plan(job))[static_cast<std::size_t>(stage)];
  return std::llround(bytes.planned());
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
    if (steps_ == hangs_at) hang->here();
    if (steps_ == no_memory_at) throw std::bad_alloc();
    if (steps_ == runs_out_at) throw RunError("device memory", "rank 2 asked for 3.00 GiB, and 1.20 GiB are free");
    StepReport report{.loss = steps_ == nan_at ? std::nan("") : 6.9,
                      .grad_norm = 1.0,
                      .seconds = 0.0,
                      .ranks = {},
                      .remarks = remarks};
    for (int rank = 0; rank < job_.num_gpus; ++rank) {
      RankReport of_rank{.stage = rank / 2, .tp = rank % 2};
      of_rank.seconds = (1.0 + 0.0625 * rank) * (steps_ <= 2 ? 2.0 : 1.0);
      of_rank.state_bytes = 1000;
      of_rank.peak_value_bytes = planned_bytes(job_, of_rank.stage) - 1000 + (rank == 3 ? extra_bytes : 0);
      if (allocated_bytes > 0) of_rank.device_peak_bytes = allocated_bytes + rank;
      report.seconds = std::max(report.seconds, of_rank.seconds);
      report.ranks.push_back(of_rank);
    }
    return report;
  }

  std::int64_t nan_at = 0, fails_at = 0, runs_out_at = 0, no_memory_at = 0, hangs_at = 0, extra_bytes = 0;
  Hang* hang = nullptr;
  std::vector<std::string> remarks{};
  std::int64_t allocated_bytes = 0;  // of rank 0's device; a byte more on each further one

 private:
  const Job& job_;
  std::int64_t steps_ = 0;
};

struct Measured {
  Row row;
  std::vector<LoggedStep> steps;
  int opened = 0;
  std::size_t signal_after = 1000;  // steps
};

template <typename Change>
Measured measured(const Job& job, std::optional<std::int64_t> available, Change change,
                  std::size_t signal_after = 1000) {
  Measured result{.row = {}, .steps = {}, .signal_after = signal_after};
  const MeasureSettings settings{.device = Device::cpu, .steps = 5, .warmup = 2, .seed = 7};
  const MeasureParts parts{.open =
                               [&](const Plan&, const SessionSettings& of_session) {
                                 ++result.opened;
                                 EXPECT_EQ(of_session.seed, 7u);
                                 auto session = std::make_unique<FakeSession>(job);
                                 change(*session);
                                 return session;
                               },
                           .batch = [](const Job&, std::int64_t, std::uint64_t, std::int64_t) { return Batch{}; },
                           .available_bytes = [&] { return available; },
                           .step_done = [&](const LoggedStep& step) { result.steps.push_back(step); },
                           .stopped_by = [&] { return result.steps.size() < result.signal_after ? "" : "SIGTERM"; }};
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

TEST(MeasureRow, ASessionsRemarksAreNotesEachOnce) {
  const std::string remark = "attention is another library's";
  const Row row = measured(cpu_job(), std::nullopt, [&](FakeSession& session) { session.remarks = {remark}; }).row;
  EXPECT_EQ(std::count(row.notes.begin(), row.notes.end(), remark), 1);
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

TEST(MeasureRow, ARunThatIsStoppedKeepsItsSteps) {
  const Measured result = measured(
      cpu_job(), std::nullopt, [](FakeSession&) {}, 4);
  const Row& row = result.row;
  EXPECT_EQ(result.steps.size(), 4U);
  EXPECT_EQ(row.status, Status::interrupted);
  EXPECT_EQ(row.feature, "SIGTERM");
  EXPECT_EQ(row.reason, "after 4 of 5 steps");
  EXPECT_EQ(row.window, "steps 3-4 of 4");
  EXPECT_THAT(row.samples_s, ElementsAre(1.1875, 1.1875));
  EXPECT_EQ(row.step_time_s, std::nullopt);
  EXPECT_EQ(row.tokens_per_s_per_gpu, std::nullopt);
  EXPECT_EQ(row.loss_ok, true);
  EXPECT_TRUE(row.peak_memory_gib);
}

TEST(MeasureRow, ARunThatIsStoppedBeforeItsWindowHasNoSamples) {
  for (const std::size_t steps : {0, 1, 2}) {
    const Row row = measured(
                        cpu_job(), std::nullopt, [](FakeSession&) {}, steps)
                        .row;
    EXPECT_EQ(row.status, Status::interrupted);
    EXPECT_THAT(row.samples_s, IsEmpty());
    EXPECT_EQ(row.loss_ok.has_value(), steps > 0);
  }
}

TEST(MeasureRow, StoppedAfterTheLastStepItIsComplete) {
  EXPECT_EQ(measured(
                cpu_job(), std::nullopt, [](FakeSession&) {}, 5)
                .row.status,
            Status::ok);
}

// The loss says less than the signal: the run goes on elsewhere.
TEST(MeasureRow, ABrokenLossOfAStoppedRunIsNoted) {
  const Row row = measured(
                      cpu_job(), std::nullopt, [](FakeSession& session) { session.nan_at = 1; }, 4)
                      .row;
  EXPECT_EQ(row.status, Status::interrupted);
  EXPECT_EQ(row.loss_ok, false);
}

TEST(MeasureRow, ARankThatHangsIsARowWithTheStepsBefore) {
  Hang hang;
  const Job job = cpu_job();
  MeasureParts parts{.open =
                         [&](const Plan& plan, const SessionSettings& of_session) {
                           EXPECT_EQ(of_session.timeout_s, 0.2);
                           const auto fake = [&](const Plan&, const SessionSettings&) {
                             auto session = std::make_unique<FakeSession>(job);
                             session->hangs_at = 5;
                             session->hang = &hang;
                             return session;
                           };
                           return open_watched_session(fake, plan, of_session);
                         },
                     .batch = [](const Job&, std::int64_t, std::uint64_t, std::int64_t) { return Batch{}; },
                     .available_bytes = [] { return std::nullopt; },
                     .step_done = {}};
  const Row row =
      RowMeasurer({.device = Device::cpu, .steps = 6, .warmup = 2, .timeout_s = 0.2}, std::move(parts))(job);
  EXPECT_EQ(row.status, Status::timeout);
  EXPECT_EQ(row.feature, "step 5");
  EXPECT_THAT(row.reason, HasSubstr("nothing has gone on for 0.2 s"));
  EXPECT_THAT(row.samples_s, ElementsAre(1.1875, 1.1875));
  EXPECT_EQ(row.step_time_s, std::nullopt);
  EXPECT_THAT(row.notes, testing::Contains(HasSubstr("left behind")));
}

TEST(MeasureRow, RunningOutOfHostMemoryIsOom) {
  const Row row = measured(cpu_job(), std::nullopt, [](FakeSession& session) { session.no_memory_at = 4; }).row;
  EXPECT_EQ(row.status, Status::oom);
  EXPECT_EQ(row.feature, "host memory");
  EXPECT_THAT(row.reason, HasSubstr("GiB of this machine's memory are free"));
  EXPECT_EQ(row.samples_s.size(), 1U);
}

// The same job on GPUs.
Job gpu_job() {
  Job job = cpu_job();
  job.system.name = "h200";
  job.system.device_names = {"NVIDIA H200"};
  return job;
}

struct MeasuredOnGpus {
  Row row{};
  std::vector<TelemetrySample> samples{};
};

template <typename Change>
MeasuredOnGpus measured_on(const EngineReport& report, const Job& job, bool must_fit, Change change) {
  MeasuredOnGpus result;
  MeasureParts parts{.open =
                         [&](const Plan&, const SessionSettings& of_session) {
                           EXPECT_EQ(of_session.device, Device::cuda);
                           auto session = std::make_unique<FakeSession>(job);
                           session->allocated_bytes = std::int64_t{3} << 30;
                           change(*session);
                           return session;
                         },
                     .batch = [](const Job&, std::int64_t, std::uint64_t, std::int64_t) { return Batch{}; },
                     .available_bytes = [] { return std::optional<std::int64_t>(0); },  // the host's: no matter
                     .step_done = {}};
  parts.machine = [&] { return report; };
  parts.watch = [](int, const EngineReport&) {
    return GpuWatch{.read = [] {
      return std::vector<GpuReading>{
          {.sm_clock_mhz = 1700.0, .power_w = 690.0, .temperature_c = 60.0, .clock_reasons = 0x20}};
    }};
  };
  parts.watch_period_s = 3600.0;
  parts.watched = [&](std::span<const TelemetrySample> samples) {
    result.samples.assign(samples.begin(), samples.end());
  };
  parts.must_fit = must_fit;
  result.row = RowMeasurer({.device = Device::cuda, .steps = 5, .warmup = 2, .seed = 7}, parts)(job);
  return result;
}

MeasuredOnGpus measured_on(const EngineReport& report, const Job& job = gpu_job(), bool must_fit = false) {
  return measured_on(report, job, must_fit, [](FakeSession&) {});
}

TEST(MeasureRow, OnGpusTheAllocatorsPeakIsThePeak) {
  const MeasuredOnGpus result = measured_on(gpu_report(4));
  const Row& row = result.row;
  EXPECT_EQ(row.status, Status::ok) << row.reason;
  EXPECT_EQ(row.peak_memory_gib, static_cast<double>((std::int64_t{3} << 30) + 3) / 1073741824.0);
  EXPECT_LT(row.predicted_peak_memory_gib, 1.0);
  ASSERT_EQ(row.memory.size(), 6u);
  EXPECT_EQ(row.memory[2].category, "allocated");
  EXPECT_EQ(row.memory[5].stage, 1);
  EXPECT_EQ(row.memory[5].gib, row.peak_memory_gib);
  for (const std::string& note : row.notes) EXPECT_THAT(note, Not(HasSubstr("not as planned")));
}

TEST(MeasureRow, OnGpusTheLedgerIsStillCompared) {
  const Row row =
      measured_on(gpu_report(4), gpu_job(), false, [](FakeSession& session) { session.extra_bytes = 4; }).row;
  EXPECT_THAT(row.notes, testing::Contains(HasSubstr("memory of rank 3 (stage 1) is not as planned")));
}

TEST(MeasureRow, TelemetryOfTheGpusStandsInTheRow) {
  const MeasuredOnGpus result = measured_on(gpu_report(4));
  EXPECT_EQ(result.row.throttled, true);
  EXPECT_EQ(result.row.sm_clock_mhz, 1700);
  EXPECT_EQ(result.row.power_w, 690);
  EXPECT_EQ(result.row.temperature_c, 60);
  EXPECT_THAT(result.row.notes, testing::Contains(HasSubstr("throttled, clocks were held back: GPU 0 in 100 % of")));
  EXPECT_EQ(result.samples.size(), 1u);
  EXPECT_EQ(measured(cpu_job()).row.throttled, std::nullopt);
}

TEST(MeasureRow, RunningOutOfDeviceMemoryIsOom) {
  const Row row =
      measured_on(gpu_report(4), gpu_job(), true, [](FakeSession& session) { session.runs_out_at = 2; }).row;
  EXPECT_EQ(row.status, Status::oom);
  EXPECT_EQ(row.feature, "device memory");
  EXPECT_EQ(row.reason, "rank 2 asked for 3.00 GiB, and 1.20 GiB are free");
  EXPECT_TRUE(row.predicted_peak_memory_gib);
}

TEST(MeasureRow, WhatTheGpusCannotRunIsARowOfASweepAndAnErrorElse) {
  const auto row_of = [](const EngineReport& report, const Job& job) { return measured_on(report, job).row; };
  const Row too_few = row_of(gpu_report(3), gpu_job());
  EXPECT_EQ(too_few.status, Status::unsupported);
  EXPECT_EQ(too_few.feature, "devices");
  EXPECT_THAT(too_few.reason, HasSubstr("4 ranks need 4 GPUs, and 3 are visible"));
  Job other = gpu_job();
  other.system.name = "h100";
  other.system.device_names = {"NVIDIA H100 80GB HBM3"};
  EXPECT_THAT(row_of(gpu_report(4), other).reason,
              HasSubstr("measures on NVIDIA H200, and system h100 is NVIDIA H100 80GB HBM3"));
  EngineReport small = gpu_report(4);
  small.devices[1].memory_bytes = std::int64_t{1} << 30;
  const Row too_small = row_of(small, gpu_job());
  EXPECT_EQ(too_small.status, Status::oom);
  EXPECT_EQ(too_small.feature, "device memory");
  EXPECT_THAT(too_small.reason, HasSubstr("and NVIDIA H200 has 1.00 GiB"));
  for (const EngineReport& report : {gpu_report(3), small})
    EXPECT_THROW(measured_on(report, gpu_job(), true), EnvironmentError);
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
  const MeasureParts parts{.open = [](const Plan&, const SessionSettings&) -> std::unique_ptr<Session> {
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
