#include "sim/simulate.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "models/programs.h"
#include "unit/support/jobs.h"

namespace perfbench {
namespace {

KernelConstants carried(const std::string& system) {
  return read_kernel_constants(std::filesystem::path(PERFBENCH_SOURCE_DIR) / "model_configs" / "kernels" /
                               (system + ".json"));
}

struct Case {
  RealJob job{};
  double network = 1.0;  // rate of the data-parallel collectives; below 1 every dp rank is a domain of its own

  std::string text() const {
    const TestLayout& l = job.layout;
    return job.model + " " + job.dtype + " tp " + std::to_string(l.tp) + " pp " + std::to_string(l.pp) + " vp " +
           std::to_string(l.vp) + " dp " + std::to_string(l.dp) + " microbatches " + std::to_string(job.microbatches) +
           " network " + std::to_string(network) + (job.fsdp ? " fsdp " + job.stack : "");
  }
};

CostModel cost_of(const Job& job, const Case& c) {
  CostModel cost = cost_model(job, carried(c.job.system));
  if (c.network < 1.0) {
    cost.groups[Group::copies].ranks_per_domain = 1;
    cost.kernels.network.bandwidth_share *= c.network;
  }
  return cost;
}

std::vector<Case> grid() {
  const auto job = [](const char* model, const char* dtype, TestLayout layout, int microbatches) {
    return RealJob{.model = model, .dtype = dtype, .layout = layout, .microbatches = microbatches};
  };
  const auto fsdp = [](const char* stack, TestLayout layout, int microbatches) {
    return RealJob{.stack = stack, .layout = layout, .microbatches = microbatches, .fsdp = true};
  };
  return {
      {job("llama3_8b", "bf16", {.dp = 8}, 8)},
      {job("llama3_8b", "fp8", {.dp = 8}, 64), 0.1},
      {job("llama3_8b", "bf16", {.tp = 4, .pp = 2}, 8)},
      {job("llama3_8b", "fp8", {.tp = 4, .pp = 2, .dp = 2}, 64)},
      {job("llama3_8b", "fp8", {.pp = 4, .dp = 2}, 8), 0.1},
      {job("llama3_8b", "bf16", {.pp = 4, .vp = 2}, 8)},
      {job("llama3_8b", "fp8", {.tp = 4, .pp = 4, .vp = 2, .dp = 8}, 64)},
      {job("llama3_8b", "bf16", {.tp = 4, .pp = 8, .dp = 8}, 64), 0.1},
      {job("llama3_70b", "fp8", {.tp = 4, .pp = 8, .vp = 5, .dp = 2}, 64)},
      {job("llama3_70b", "fp8", {.tp = 4, .pp = 8, .vp = 5, .dp = 2}, 64), 0.1},
      {job("llama3_70b", "bf16", {.tp = 4, .pp = 8, .vp = 5, .dp = 8}, 8)},
      {job("llama3_70b", "bf16", {.tp = 4, .pp = 8, .vp = 5, .dp = 8}, 8), 0.1},
      {job("llama3_70b", "fp8", {.tp = 4, .pp = 2, .vp = 5, .dp = 8}, 8), 0.1},
      {job("llama3_70b", "fp8", {.tp = 4, .pp = 4, .vp = 5, .dp = 8}, 64), 0.1},
      {job("llama3_70b", "bf16", {.tp = 4, .pp = 8, .vp = 5, .dp = 2}, 64)},
      {job("llama3_70b", "bf16", {.pp = 8, .dp = 2}, 8), 0.1},
      {job("llama3_70b", "fp8", {.tp = 1, .pp = 8, .vp = 2}, 64)},
      {fsdp("megatron", {.tp = 2, .dp = 8}, 8)},
      {fsdp("megatron", {.dp = 8}, 8), 0.1},
      {fsdp("perfbench", {.tp = 4, .pp = 4, .vp = 2, .dp = 4}, 16), 0.1},
      {fsdp("automodel", {.pp = 4, .vp = 2, .dp = 2}, 16), 0.1},
  };
}

void expect_adds_up(const Simulation& result) {
  EXPECT_NEAR(result.breakdown.total() / result.step_time_s, 1.0, 1e-9);
  for (int part = 0; part < kNumParts; ++part) EXPECT_GE(result.breakdown[static_cast<Part>(part)], 0.0);
}

TEST(Simulate, AgreesWithTheFlatSimulation) {
  double largest = 0.0;
  for (const Case& c : grid()) {
    SCOPED_TRACE(c.text());
    const Job job = real_job(c.job);
    const Plan plan = build_plan(job);
    const CostModel cost = cost_of(job, c);
    const Simulation quick = simulate(plan, cost), flat = simulate_flat(plan, cost);
    expect_adds_up(quick);
    expect_adds_up(flat);
    const double difference = std::abs(quick.step_time_s / flat.step_time_s - 1.0);
    EXPECT_LE(difference, 0.005) << quick.step_time_s << " s against " << flat.step_time_s << " s";
    largest = std::max(largest, difference);
  }
  RecordProperty("largest_difference", std::to_string(largest));
}

TEST(Simulate, WorkOfTheStepDoesNotDependOnHowItIsSimulated) {
  const Case c = grid().at(8);
  const Job job = real_job(c.job);
  const Plan plan = build_plan(job);
  const CostModel cost = cost_of(job, c);
  const Simulation quick = simulate(plan, cost), flat = simulate_flat(plan, cost);
  for (Part part : {Part::matmul, Part::attention, Part::memory_bound, Part::launch, Part::optimizer}) {
    EXPECT_NEAR(quick.breakdown[part] / flat.breakdown[part], 1.0, 1e-9) << name(part);
  }
}

TEST(Simulate, ASlowerNetworkNeverShortensTheStep) {
  double before = 0.0;
  for (const double network : {0.99, 0.3, 0.1, 0.01}) {
    const Case c{.job = {.model = "llama3_8b", .layout = {.tp = 2, .pp = 2, .dp = 2}}, .network = network};
    const Job job = real_job(c.job);
    const double now = simulate(build_plan(job), cost_of(job, c)).step_time_s;
    EXPECT_GT(now, before);
    before = now;
  }
}

// All weights are gathered and all gradients scattered with every microbatch, and yet most of that is hidden.
TEST(Simulate, FsdpHidesMostOfItsTraffic) {
  const RealJob whole{.layout = {.dp = 8}, .microbatches = 2},
      sharded{.layout = {.dp = 8}, .microbatches = 2, .fsdp = true};
  const auto play = [](const RealJob& asked) {
    const Job job = real_job(asked);
    CostModel cost = cost_of(job, {.job = asked});
    cost.stack.dp_exposed = 0.0;
    return simulate(build_plan(job), cost);
  };
  const double traffic_s =
      2 * 3 * 8.03e9 * 2 * 7 / 8 / 450e9;  // two gathers and a scatter a microbatch, at NVLink's rate
  const double more_s = play(sharded).step_time_s - play(whole).step_time_s;
  EXPECT_GT(more_s, 0.0);
  EXPECT_LT(more_s, 0.3 * traffic_s);
}

// What runs once more is a part of its own: the others keep their seconds. The time is lost where the memory is saved.
TEST(Simulate, RecomputedLayersAreAPartOfTheStep) {
  Job job = real_job({.model = "llama3_70b", .layout = {.tp = 4, .pp = 4, .vp = 5, .dp = 2}, .microbatches = 16});
  const CostModel cost = cost_model(job, carried("h100"));
  const Simulation plain = simulate(build_plan(job), cost);
  double least = plain.step_time_s;
  for (const int layers : {1, 4}) {
    job.recompute_layers = layers;
    const Plan plan = build_plan(job);
    const Simulation quick = simulate(plan, cost), flat = simulate_flat(plan, cost);
    expect_adds_up(quick);
    expect_adds_up(flat);
    EXPECT_NEAR(quick.step_time_s / flat.step_time_s, 1.0, 0.002);
    EXPECT_GT(quick.step_time_s, least);
    EXPECT_GT(quick.breakdown[Part::recompute], 0.0);
    EXPECT_DOUBLE_EQ(quick.breakdown[Part::matmul], plain.breakdown[Part::matmul]);
    EXPECT_DOUBLE_EQ(quick.breakdown[Part::attention], plain.breakdown[Part::attention]);
    least = quick.step_time_s;
  }
  // Four of four layers: the forward's kernels once more.
  const double kernels = plain.breakdown[Part::matmul] + plain.breakdown[Part::attention];
  const double share = simulate(build_plan(job), cost).breakdown[Part::recompute] / kernels;
  EXPECT_GT(share, 0.25);
  EXPECT_LT(share, 0.45);
}

TEST(Simulate, WithoutNeighboursOrPeersNobodyWaits) {
  const Case c{.job = {.model = "llama3_8b"}};
  const Job job = real_job(c.job);
  const Simulation result = simulate_flat(build_plan(job), cost_of(job, c));
  EXPECT_EQ(result.breakdown[Part::tp_exposed], 0.0);
  EXPECT_EQ(result.breakdown[Part::dp_exposed], 0.0);
  EXPECT_EQ(result.breakdown[Part::pipeline_bubble], 0.0);
}

}  // namespace
}  // namespace perfbench
