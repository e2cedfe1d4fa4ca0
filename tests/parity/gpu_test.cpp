// Tiny models on one CUDA device against the same on the CPU. Without a device each test skips and says so.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"
#include "engine/engine.h"
#include "parity/outcome.h"
#include "parity/tiny_llama.h"
#include "sim/memory.h"

namespace perfbench {
namespace {

class WithEngineAndModel : public WithEngine, public testing::WithParamInterface<TinyLlama> {};

class OnGpu : public testing::TestWithParam<TinyLlama> {
 protected:
  void SetUp() override {
    const std::filesystem::path library = engine_library();
    if (library.empty()) GTEST_SKIP() << "no CUDA device is used: the engine library is not built";
    if (engine_report(library).devices.empty()) GTEST_SKIP() << "no CUDA device: sessions are NOT tested on a GPU here";
  }
};

std::vector<TinyLlama> models() {
  return {
      {.name = "fp32", .mbs = 2},
      {.name = "fp32_tied_biases_recomputed", .tied = true, .biases = true, .recompute_layers = 2},
      {.name = "fp32_packed", .mbs = 2, .packed = true},
      {.name = "fp32_gpt2", .tied = true, .family = "gpt2"},
      {.name = "fp32_nemotron", .family = "nemotron"},
      {.name = "fp32_qwen3", .family = "qwen3"},
      {.name = "bf16", .precision = Precision::bf16, .scale = 16},
      {.name = "bf16_mbs2", .mbs = 2, .precision = Precision::bf16, .scale = 16},
      {.name = "bf16_packed", .precision = Precision::bf16, .packed = true, .scale = 16},
      {.name = "fp8cs", .precision = Precision::fp8cs, .scale = 16},
  };
}

// Losses on both sides round at other places: by about 2^-8 of a logit in BF16, 2^-4 in FP8.
double loss_share(Precision precision) {
  if (precision == Precision::fp32) return 1e-5;
  return precision == Precision::bf16 ? 5e-3 : 2e-2;
}

void expect_planned(const StepReport& report, const StageMemoryBytes& planned_memory) {
  const RankReport& rank = report.ranks.front();
  EXPECT_EQ(static_cast<double>(rank.state_bytes),
            planned_memory.parameters + planned_memory.gradients + planned_memory.optimizer);
  EXPECT_EQ(static_cast<double>(rank.peak_value_bytes), planned_memory.activations + planned_memory.workspace);
}

TEST_P(OnGpu, TrainsAsOnTheCpu) {
  const Job job = tiny_llama(GetParam());
  const Plan plan = build_plan(job);
  const Outcome cpu = two_steps(job, plan), gpu = two_steps(job, plan, 60, Device::cuda);
  for (std::size_t step = 0; step < cpu.losses.size(); ++step) {
    EXPECT_NEAR(gpu.losses[step], cpu.losses[step], loss_share(job.precision) * cpu.losses[step]);
  }
  if (job.precision == Precision::fp32) expect_allowed(compare(gpu, cpu));
}

TEST_P(OnGpu, HoldsWhatIsPlannedAndNeverWaits) {
  const Job job = tiny_llama(GetParam());
  const Plan plan = build_plan(job);
  const auto session = open_tiny(plan, {.device = Device::cuda, .forbid_waiting = true});
  session->step(mock_batch(job, 7, 0), StepKind::train);  // workspaces of libraries are made in the first step
  const StepReport report = session->step(mock_batch(job, 7, 1), StepKind::train);
  expect_planned(report, replay_memory(plan).front());
  // Every kernel is the fast one, where its numbers are of a width that one knows.
  if (job.precision == Precision::fp32) {
    EXPECT_THAT(report.remarks, testing::ElementsAre(testing::HasSubstr("take BF16")));
  } else {
    EXPECT_THAT(report.remarks, testing::IsEmpty());
  }
}

// The other half of the comparison, and that the cases are sound before a device sees them.
using CasesWithoutDevice = WithEngineAndModel;
TEST_P(CasesWithoutDevice, HoldWhatIsPlanned) {
  const Job job = tiny_llama(GetParam());
  const Plan plan = build_plan(job);
  const StepReport report = open_tiny(plan)->step(mock_batch(job, 7, 0), StepKind::train);
  expect_planned(report, replay_memory(plan).front());
}

INSTANTIATE_TEST_SUITE_P(Table, CasesWithoutDevice, testing::ValuesIn(models()),
                         [](const auto& one) { return one.param.name; });
INSTANTIATE_TEST_SUITE_P(Gpu, OnGpu, testing::ValuesIn(models()), [](const auto& one) { return one.param.name; });

// Large enough that the allocator's blocks and the libraries' workspaces are small beside it.
using GpuMemory = OnGpu;
TEST_P(GpuMemory, PeakOfTheAllocatorIsThePlans) {
  const Job job = tiny_llama(GetParam());
  const Plan plan = build_plan(job);
  const auto session = open_session(engine_library(), plan, {.device = Device::cuda});
  session->step(mock_batch(job, 7, 0), StepKind::train);
  const StepReport report = session->step(mock_batch(job, 7, 1), StepKind::train);
  const StageMemoryBytes planned_memory = replay_memory(plan).front();
  const auto measured = static_cast<double>(report.ranks.front().device_peak_bytes);
  const double planned = planned_memory.planned();
  EXPECT_NEAR(measured, planned, 0.05 * planned);
}

INSTANTIATE_TEST_SUITE_P(Gpu, GpuMemory,
                         testing::Values(TinyLlama{// heads of 128, which the fused kernels still take
                                                   .name = "bf16_layers16",
                                                   .mbs = 8,
                                                   .precision = Precision::bf16,
                                                   .layers = 16,
                                                   .heads = 16,
                                                   .scale = 64}),
                         [](const auto& one) { return one.param.name; });

}  // namespace
}  // namespace perfbench
