// What becomes of the times of a session that runs one stage, with a session that computes nothing.
#include "runners/slice_row.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "models/programs.h"
#include "program/kernel_sites.h"
#include "program/signature.h"
#include "runners/simulate_row.h"
#include "unit/support/gpus.h"
#include "unit/support/jobs.h"

namespace perfbench {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;

// Every kernel takes 1 ms, three times as long in the first microbatch, and as long again in the warm-up's steps. A
// collective takes a second: nobody may count it.
class FakeSession : public Session {
 public:
  FakeSession(const Plan& plan, int stage) : plan_(plan), stage_(stage) {}

  std::vector<HostTensor> parameters() const override { return {}; }
  std::vector<HostTensor> trainable_parameters() const override { return {}; }
  void load(const std::function<HostTensor(const std::string&)>&) override {}
  std::vector<HostTensor> gradients() override { return {}; }
  std::vector<HostTensor> weights() override { return {}; }
  StepReport step(const Batch&, StepKind) override {
    ++steps_;
    RankReport rank{.stage = stage_};
    rank.state_bytes = 1000 * (stage_ + 1);
    rank.peak_value_bytes = steps_ == 1 ? 500 : 400;
    return {.loss = std::nan(""), .seconds = 2.0, .ranks = {rank}};
  }
  std::vector<OpSeconds> op_seconds() const override {
    std::vector<OpSeconds> all;
    for (int chunk = 0; chunk < plan_.pipeline.vp; ++chunk) {
      const Program& program = plan_.of(chunk, stage_);
      add(all, chunk, ProgramPhase::forward, program.forward);
      add(all, chunk, ProgramPhase::backward, program.backward);
      add(all, chunk, ProgramPhase::optimizer, program.optimizer);
    }
    return all;
  }

 private:
  void add(std::vector<OpSeconds>& all, int chunk, ProgramPhase phase, const std::vector<Node>& nodes) const {
    for (std::size_t node = 0; node < nodes.size(); ++node) {
      const double once = lane_of(nodes[node].op) != Lane::compute ? 1.0 : steps_ <= 1 ? 0.01 : 0.001;
      OpSeconds timed{.stage = stage_, .chunk = chunk, .phase = phase, .node = node};
      timed.seconds = {3.0 * once, once, once, once};
      all.push_back(timed);
    }
  }

  const Plan& plan_;
  int stage_;
  int steps_ = 0;
};

Job slice_job() {
  return real_job({.stack = "perfbench", .layout = {.tp = 2, .pp = 4, .dp = 2}, .microbatches = 32, .seq_len = 512});
}

struct Sliced {
  SliceResult result;
  std::vector<int> stages;                  // that were opened
  std::vector<std::int64_t> microbatches;   // of each step that was run
  std::int64_t microbatches_of_slices = 0;  // of the plan that was opened last
};

using Change = std::function<void(SliceParts&)>;

Sliced sliced(const Job& job, SliceStage stage = SliceStage::all, const std::string& system = "h100",
              const Change& change = {}) {
  static const Catalog catalog(std::filesystem::path(PERFBENCH_SOURCE_DIR) / "model_configs");
  Sliced all;
  SliceSettings settings{.measure = {.device = Device::cuda, .steps = 3, .warmup = 1}, .stage = stage};
  SliceParts parts;
  parts.engine.open = [&](const Plan& plan, const SessionSettings& of_session) {
    EXPECT_TRUE(of_session.time_ops);
    all.microbatches_of_slices = plan.pipeline.step_microbatches();
    all.stages.push_back(of_session.slice_stage.value_or(-1));
    return std::make_unique<FakeSession>(plan, all.stages.back());
  };
  parts.engine.batch = [&](const Job& run, std::int64_t samples, std::uint64_t, std::int64_t) {
    EXPECT_EQ(samples, all.microbatches_of_slices * run.mbs * run.layout.dp);
    all.microbatches.push_back(all.microbatches_of_slices);
    return Batch{};
  };
  parts.engine.available_bytes = [] { return std::int64_t{1} << 40; };
  parts.measured_on = [&] { return MeasuredOn{.system = system, .device = "a device", .date = "today"}; };
  parts.simulate = [](const Job& whole, std::shared_ptr<const KernelTable> kernels) {
    return simulate_row(whole, catalog, std::move(kernels));
  };
  if (change) change(parts);
  all.result = RowSlicer(settings, parts)(job);
  return all;
}

TEST(SliceRow, SimulatesTheWholeJobWithTheTimesOfItsSlices) {
  const Job job = slice_job();
  const Sliced all = sliced(job);
  const Row& row = all.result.row;
  EXPECT_EQ(row.method, Method::slice);
  EXPECT_EQ(row.status, Status::ok) << row.reason;
  EXPECT_EQ(row.gbs, job.gbs);
  EXPECT_THAT(all.stages, ElementsAre(0, 2, 3));
  EXPECT_THAT(all.microbatches, testing::Each(8));  // 2 pp
  EXPECT_EQ(all.microbatches.size(), 9u);
  ASSERT_TRUE(row.measured_s && row.modelled_s && row.step_time_s);
  EXPECT_GT(*row.measured_s, 0.0);
  EXPECT_GT(*row.modelled_s, 0.0);
  EXPECT_DOUBLE_EQ(*row.measured_s + *row.modelled_s, *row.step_time_s);
  EXPECT_FALSE(row.step_time_low_s);
  EXPECT_FALSE(row.loss_ok);
  EXPECT_EQ(row.window, "steps 2-3 of 3");
  EXPECT_THAT(row.notes, Contains(HasSubstr("100.0 % of the kernel time; on a device, today")));
  EXPECT_THAT(row.notes, Contains(HasSubstr("slice of stage 2: a step of 8 microbatches took 2.0000 s")));
}

// The first microbatch and the warm-up are slower: neither is the median. Collectives are no kernels.
TEST(SliceRow, AKernelTakesItsMedian) {
  const Job job = slice_job();
  const Sliced all = sliced(job);
  const KernelTable& kernels = *all.result.kernels;
  EXPECT_EQ(kernels.kernels.size(), kernel_sites(build_plan(job)).size());
  for (const auto& [signature, kernel] : kernels.kernels) {
    EXPECT_DOUBLE_EQ(kernel.seconds, 0.001) << signature;
    EXPECT_EQ(kernel.runs % 8, 0) << signature;  // 2 steps of 4 samples of each node
  }
}

TEST(SliceRow, PutsThePlanBesideTheMemoryOfTheStagesThatWereRun) {
  const Row row = sliced(slice_job(), SliceStage::last).result.row;
  ASSERT_EQ(row.memory.size(), 2u);
  EXPECT_EQ(row.memory[0].stage, 3);
  EXPECT_EQ(row.memory[0].category, "states");
  EXPECT_EQ(row.memory[0].gib, 4000 / 1073741824.0);
  EXPECT_EQ(row.memory[1].gib, 500 / 1073741824.0);  // the most of all steps
  EXPECT_EQ(row.peak_memory_gib, 4500 / 1073741824.0);
  ASSERT_EQ(row.predicted_memory.size(), 5u);
  EXPECT_EQ(row.predicted_memory[0].stage, 3);
  EXPECT_GT(row.predicted_peak_memory_gib, 1.0);
}

// The head is measured in the last stage only, so the row is slower by its model elsewhere, and says so.
TEST(SliceRow, AStageOfManyLeavesKernelsToTheModel) {
  const Sliced first = sliced(slice_job(), SliceStage::first);
  EXPECT_THAT(first.stages, ElementsAre(0));
  EXPECT_LT(first.result.kernels->kernels.size(), sliced(slice_job()).result.kernels->kernels.size());
  EXPECT_THAT(first.result.row.notes, Not(Contains(HasSubstr("100.0 % of the kernel time"))));
}

TEST(SliceRow, StagesThatDoTheSameAreRunOnce) {
  const Job one = real_job({.stack = "perfbench", .layout = {.dp = 8}});
  EXPECT_THAT(slice_stages(build_plan(one), SliceStage::all), ElementsAre(0));
  const Job two = real_job({.stack = "perfbench", .layout = {.pp = 2, .dp = 4}});
  EXPECT_THAT(slice_stages(build_plan(two), SliceStage::all), ElementsAre(0, 1));
  const Job eight = real_job({.stack = "perfbench", .layout = {.pp = 8}});
  EXPECT_THAT(slice_stages(build_plan(eight), SliceStage::middle), ElementsAre(4));
}

TEST(SliceRow, RunsEnoughMicrobatchesToFillThePipeline) {
  Job job = slice_job();
  EXPECT_EQ(slice_microbatches(job, std::nullopt), 8);
  EXPECT_EQ(slice_microbatches(job, 5), 5);
  EXPECT_EQ(slice_microbatches(job, 500), 32);
  job.layout.vp = 2;
  EXPECT_EQ(slice_microbatches(job, 12), 12);
  EXPECT_THROW(slice_microbatches(job, 5), InputError);
  job.num_microbatches = 4;
  EXPECT_EQ(slice_microbatches(job, std::nullopt), 4);
  EXPECT_EQ(slice_microbatches(real_job({.layout = {.dp = 8}}), std::nullopt), 4);
}

TEST(SliceRow, ADeviceOfAnotherSystemIsRefusedBeforeAnyWork) {
  try {
    sliced(slice_job(), SliceStage::all, "h200");
    FAIL() << "was run";
  } catch (const InputError& error) {
    EXPECT_THAT(error.what(), HasSubstr("kernels of h200; the job is for h100"));
  }
}

// One GPU does for a job of sixteen.
Change on_one_h200(std::int64_t memory_bytes = 150'000'000'000) {
  return [memory_bytes](SliceParts& parts) {
    EngineReport report = gpu_report(1);
    report.devices.front().memory_bytes = memory_bytes;
    parts.engine.machine = [report] { return report; };
    parts.engine.watch = [](int num_gpus, const EngineReport&) {
      EXPECT_EQ(num_gpus, 1);
      return GpuWatch{.read = [] {
        return std::vector<GpuReading>{{.sm_clock_mhz = 1500.0, .clock_reasons = 0x20}};  // sw_thermal
      }};
    };
  };
}

Job h200_job() {
  return real_job({.system = "h200", .stack = "perfbench", .layout = {.tp = 2, .pp = 4, .dp = 2}, .seq_len = 512});
}

TEST(SliceRow, SaysWhenItsGpuWasHeldBack) {
  const Sliced all = sliced(h200_job(), SliceStage::all, "h200", on_one_h200());
  EXPECT_EQ(all.result.row.status, Status::ok) << all.result.row.reason;
  EXPECT_EQ(all.result.row.throttled, true);
  EXPECT_EQ(all.result.row.sm_clock_mhz, 1500.0);
  ASSERT_NE(all.result.kernels, nullptr);
  EXPECT_EQ(all.result.kernels->on.throttled, true);
  EXPECT_THAT(all.result.kernels->on.throttle_reasons, ElementsAre("sw_thermal"));
}

TEST(SliceRow, AStageThatDoesNotFitIsNotRun) {
  const Sliced all = sliced(h200_job(), SliceStage::last, "h200", on_one_h200(2'000'000'000));
  EXPECT_EQ(all.result.row.status, Status::oom);
  EXPECT_THAT(all.result.row.reason, HasSubstr("a rank of stage 3 needs"));
  EXPECT_TRUE(all.stages.empty());
  const Sliced on_cpu = sliced(slice_job(), SliceStage::last, "h100",
                               [](SliceParts& parts) { parts.engine.available_bytes = [] { return 1000; }; });
  EXPECT_EQ(on_cpu.result.row.status, Status::oom);
  EXPECT_THAT(on_cpu.result.row.reason, HasSubstr("stage 3"));
}

TEST(SliceRow, GpusOfAnotherSystemAreNotSliced) {
  const Sliced all = sliced(slice_job(), SliceStage::all, "h100", on_one_h200());
  EXPECT_EQ(all.result.row.status, Status::unsupported);
  EXPECT_EQ(all.result.row.feature, "devices");
  EXPECT_TRUE(all.stages.empty());
}

// Stops after the first of the second slice's steps that count.
TEST(SliceRow, AStoppedRunKeepsTheKernelsSoFar) {
  const auto steps = std::make_shared<int>(0);
  const Sliced all = sliced(slice_job(), SliceStage::all, "h100", [&](SliceParts& parts) {
    parts.step_done = [steps](int, std::int64_t) { ++*steps; };
    parts.engine.stopped_by = [steps] { return *steps < 5 ? "" : "SIGINT"; };
  });
  const Row& row = all.result.row;
  EXPECT_EQ(row.status, Status::interrupted);
  EXPECT_EQ(row.method, Method::slice);
  EXPECT_EQ(row.feature, "SIGINT");
  EXPECT_EQ(row.reason, "slice of stage 2: after 2 of 3 steps");
  EXPECT_FALSE(row.step_time_s);
  EXPECT_THAT(all.stages, ElementsAre(0, 2));
  ASSERT_EQ(row.memory.size(), 2U);  // of the slice that was whole
  EXPECT_EQ(row.memory[0].stage, 0);
  ASSERT_NE(all.result.kernels, nullptr);
  const auto whole = sliced(slice_job(), SliceStage::first).result.kernels;
  EXPECT_GE(all.result.kernels->kernels.size(), whole->kernels.size());
}

TEST(SliceRow, ARankThatHangsIsARowThatNamesItsStage) {
  const Sliced all = sliced(slice_job(), SliceStage::all, "h100", [](SliceParts& parts) {
    const auto open = parts.engine.open;
    parts.engine.open = [open](const Plan& plan, const SessionSettings& settings) {
      if (settings.slice_stage == 2) throw TimeoutError("opening the session", "nothing has gone on");
      return open(plan, settings);
    };
  });
  EXPECT_EQ(all.result.row.status, Status::timeout);
  EXPECT_EQ(all.result.row.feature, "opening the session");
  EXPECT_EQ(all.result.row.reason, "slice of stage 2: nothing has gone on");
  EXPECT_NE(all.result.kernels, nullptr);
}

TEST(SliceRow, OtherStacksAreOnlySimulated) {
  Job job = slice_job();
  job.stack.name = "megatron";
  const Sliced all = sliced(job);
  EXPECT_EQ(all.result.row.status, Status::unsupported);
  EXPECT_EQ(all.result.row.method, Method::slice);
  EXPECT_TRUE(all.stages.empty());
  EXPECT_EQ(all.result.kernels, nullptr);
}

}  // namespace
}  // namespace perfbench
