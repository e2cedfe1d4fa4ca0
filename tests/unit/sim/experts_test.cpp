// Steps of models with experts, whose kernels the host has to launch in time.
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <limits>

#include "models/programs.h"
#include "sim/simulate.h"
#include "unit/support/jobs.h"

namespace perfbench {
namespace {

CostModel cost_of(const Job& job) {
  return cost_model(job, read_kernel_constants(std::filesystem::path(PERFBENCH_SOURCE_DIR) / "model_configs" /
                                               "kernels" / (job.system.name + ".json")));
}

Job qwen3(const char* dtype, TestLayout layout, int microbatches) {
  return real_job({.model = "qwen3_30b_a3b",
                   .dtype = dtype,
                   .layout = layout,
                   .microbatches = microbatches,
                   .seq_len = 4096,
                   .ep = 8});
}
Job mixtral(TestLayout layout, int microbatches) {
  return real_job({.model = "mixtral_8x7b",
                   .dtype = "fp8",
                   .layout = layout,
                   .microbatches = microbatches,
                   .seq_len = 4096,
                   .ep = 8});
}

void expect_adds_up(const Simulation& result) {
  EXPECT_NEAR(result.breakdown.total() / result.step_time_s, 1.0, 1e-9);
  for (int part = 0; part < kNumParts; ++part) EXPECT_GE(result.breakdown[static_cast<Part>(part)], 0.0);
}

struct Host {
  double slower = 1.0;  // than the stack's
  bool waits = true;
};

// A host that is far ahead, about as fast as the GPU, and far behind; that reads counts, or launches ahead over slots.
TEST(Experts, TheTwoLevelSimulationAgreesWithTheFlatOne) {
  for (const Job& job : {qwen3("fp8", {.pp = 2, .vp = 2, .dp = 8}, 8), mixtral({.pp = 4, .vp = 2, .dp = 8}, 16),
                         qwen3("bf16", {.dp = 8}, 4)}) {
    const Plan plan = build_plan(job);
    const CostModel stacks = cost_of(job);
    for (const Host& host : {Host{0.1, true}, {1.0, true}, {1.0, false}, {3.0, true}, {10.0, false}}) {
      SCOPED_TRACE(job.model.name + " host " + std::to_string(host.slower) + (host.waits ? " waits" : ""));
      CostModel cost = stacks;
      for (double* seconds : {&cost.host.attention_s, &cost.host.moe_s, &cost.host.expert_s}) *seconds *= host.slower;
      cost.host.waits_for_counts = host.waits;
      const Simulation quick = simulate(plan, cost), flat = simulate_flat(plan, cost);
      expect_adds_up(quick);
      expect_adds_up(flat);
      EXPECT_NEAR(quick.step_time_s / flat.step_time_s, 1.0, 0.005);
      EXPECT_NEAR(quick.breakdown[Part::host] / flat.step_time_s, flat.breakdown[Part::host] / flat.step_time_s, 0.02);
    }
  }
}

// All kernels of 48 layers and 4 microbatches, one after the other: what the host needs, and a little around it.
TEST(Experts, AHostThatIsFarBehindSetsThePace) {
  const Job job = qwen3("bf16", {.dp = 8}, 4);
  CostModel cost = cost_of(job);
  cost.host = {.attention_s = 0.1, .moe_s = 0.2, .expert_s = 0.01};  // 16 local experts
  const Simulation result = simulate(build_plan(job), cost);
  const double launches_s = 4 * 48 * (0.1 + 0.2 + 16 * 0.01);
  EXPECT_GT(result.step_time_s, launches_s);
  EXPECT_LT(result.step_time_s, 1.02 * launches_s);
}

TEST(Experts, WithoutAHostNobodyWaitsForIt) {
  const Job job = qwen3("bf16", {.dp = 8}, 4);
  CostModel cost = cost_of(job);
  cost.host = {};
  const Simulation result = simulate(build_plan(job), cost);
  EXPECT_EQ(result.breakdown[Part::host], 0.0);
  EXPECT_GT(result.breakdown[Part::ep_exposed], 0.0);
}

TEST(Experts, AnUnevenGateNeverShortensTheStep) {
  Job job = qwen3("bf16", {.dp = 8}, 2);
  double before = simulate(build_plan(job), cost_of(job)).step_time_s;
  for (const double imbalance : {0.1, 0.5, 2.0}) {
    job.gate_imbalance = imbalance;
    const double now = simulate(build_plan(job), cost_of(job)).step_time_s;
    EXPECT_GT(now, before);
    before = now;
  }
}

// The host's clock goes on over periods that are skipped.
TEST(Experts, LongStepsTakeAsLongAsPlayedWhole) {
  for (const Job& job : {mixtral({.pp = 4, .vp = 2, .dp = 8}, 400), mixtral({.pp = 2, .dp = 8}, 401)}) {
    const Plan plan = build_plan(job);
    CostModel cost = cost_of(job);
    for (const double slower : {0.5, 1.0, 4.0}) {
      cost.host.moe_s *= slower;
      const Simulation whole = simulate(plan, cost, std::numeric_limits<std::int64_t>::max());
      const Simulation in_part = simulate(plan, cost, 64);
      EXPECT_NEAR(in_part.step_time_s / whole.step_time_s, 1.0, 1e-9);
      EXPECT_NEAR(in_part.breakdown[Part::host], whole.breakdown[Part::host], 1e-9 * whole.step_time_s);
      EXPECT_EQ(in_part.error_s, 0.0);
    }
  }
}

}  // namespace
}  // namespace perfbench
