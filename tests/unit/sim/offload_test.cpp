#include "program/offload.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "models/programs.h"
#include "program/liveness.h"
#include "sim/simulate.h"
#include "unit/support/jobs.h"

namespace perfbench {
namespace {

constexpr int kLayers = 6;

Program chunk_of(Job job, int offloaded) {
  job.offload_layers = offloaded;
  return build_chunk(job, job.chunks.front());
}

std::int64_t bytes_of(const std::vector<OffloadedLayer>& layers) {
  std::int64_t bytes = 0;
  for (const OffloadedLayer& layer : layers) bytes += layer.bytes;
  return bytes;
}

TEST(Offload, IsOfTheFirstLayers) {
  const Program program = chunk_of(tiny_job(kLayers, {}), 3);
  const std::vector<OffloadedLayer> layers = offloaded_layers(program);
  ASSERT_EQ(layers.size(), 3U);
  for (std::size_t l = 0; l < layers.size(); ++l) {
    EXPECT_FALSE(layers[l].values.empty());
    EXPECT_TRUE(l == 0 || layers[l].bytes == layers.back().bytes) << l;  // the first reads what the embedding has made
    for (ValueId id : layers[l].values) EXPECT_EQ(program[id].layer, static_cast<int>(l));
    // Beside the next layer; the one after it takes the place.
    EXPECT_EQ(program.forward[layers[l].out.begin].layer, static_cast<int>(l) + 1);
    EXPECT_EQ(program.forward[layers[l].out.end].layer, static_cast<int>(l) + 2);
    EXPECT_EQ(program.backward[layers[l].in.begin].layer, static_cast<int>(l) + 1);
    EXPECT_EQ(program.backward[layers[l].in.end].layer, static_cast<int>(l));
  }
}

TEST(Offload, OfMoreLayersThanThereAreIsOfAll) {
  const std::vector<OffloadedLayer> layers = offloaded_layers(chunk_of(tiny_job(kLayers, {}), 95));
  ASSERT_EQ(layers.size(), static_cast<std::size_t>(kLayers));
  EXPECT_EQ(layers.back().in.begin, 0U);  // the backward comes to it first
}

TEST(Offload, LeavesWeightsThatWereGathered) {
  Job job = tiny_job(kLayers, {.dp = 2});
  job.layout.fsdp = true;  // without resharding a gathered weight is a value that the backward reads
  const Program program = chunk_of(job, kLayers);
  const std::vector<ValueId> saved = saved_values(program);
  std::int64_t gathered = 0;
  for (const Node& node : program.forward) {
    const auto* op = std::get_if<GatherShards>(&node.op);
    if (op == nullptr || node.layer < 0) continue;
    for (Out whole : op->weights) gathered += std::ranges::count(saved, whole.id);
  }
  EXPECT_GT(gathered, 0);
  job.layout.fsdp = false;
  EXPECT_EQ(bytes_of(offloaded_layers(program)), bytes_of(offloaded_layers(chunk_of(job, kLayers))));
}

TEST(Offload, MemoryFallsByWhatIsAway) {
  const Job job = tiny_job(kLayers, {});
  const Liveness whole = liveness(chunk_of(job, 0));
  std::int64_t before = whole.backward_peak_bytes;
  for (int offloaded = 1; offloaded <= kLayers; ++offloaded) {
    const Program program = chunk_of(job, offloaded);
    const Liveness live = liveness(program);
    EXPECT_EQ(live.saved_bytes, whole.saved_bytes - bytes_of(offloaded_layers(program)));
    EXPECT_LE(live.backward_peak_bytes, before);
    before = live.backward_peak_bytes;
  }
  // Two layers at a time are on the device, besides what lies outside the layers.
  const Program all = chunk_of(job, kLayers);
  const std::int64_t layer = offloaded_layers(all).front().bytes;  // the smallest
  EXPECT_LE(liveness(all).backward_peak_bytes, whole.backward_peak_bytes - (kLayers - 2) * layer);
  EXPECT_LE(liveness(all).forward_peak_bytes, whole.forward_peak_bytes - (kLayers - 3) * layer);
}

// 8 layers of Llama 3 8B on each of 4 stages.
Job real(int offloaded) {
  Job job = real_job({.layout = {.pp = 4}, .microbatches = 16});
  job.offload_layers = offloaded;
  return job;
}

CostModel cost_of(const Job& job, double host_bytes_per_s) {
  CostModel cost = cost_model(job, read_kernel_constants(std::filesystem::path(PERFBENCH_SOURCE_DIR) / "model_configs" /
                                                         "kernels" / "h100.json"));
  cost.hardware.host_bytes_per_s = host_bytes_per_s;
  return cost;
}

TEST(Offload, TakesNoTimeOverAFastLink) {
  const Job job = real(6);
  const Simulation with = simulate(build_plan(job), cost_of(job, 1e15));
  const Simulation without = simulate(build_plan(real(0)), cost_of(job, 1e15));
  EXPECT_NEAR(with.step_time_s / without.step_time_s, 1.0, 1e-6);
}

TEST(Offload, ASlowLinkIsWaitedFor) {
  const Job job = real(6);
  const Plan plan = build_plan(job);
  double bytes = 0.0;  // of one microbatch on the first stage
  for (const OffloadedLayer& layer : offloaded_layers(plan.of(0, 0))) bytes += static_cast<double>(layer.bytes);
  // So slow that nothing else counts: every slot of the last stage waits for its copies.
  const double rate = 1e9;
  const Simulation result = simulate(plan, cost_of(job, rate));
  const double copies_s = 2.0 * 16 * bytes / rate;
  EXPECT_GT(result.breakdown[Part::offload_exposed] + result.breakdown[Part::pipeline_bubble], 0.9 * copies_s);
  EXPECT_GT(result.breakdown[Part::offload_exposed], 0.7 * copies_s);
}

TEST(Offload, BothSimulationsAgree) {
  for (const double rate : {2e9, 2e10, 6.4e10, 2.25e11}) {
    const Job job = real(6);
    const Plan plan = build_plan(job);
    const CostModel cost = cost_of(job, rate);
    EXPECT_NEAR(simulate(plan, cost).step_time_s / simulate_flat(plan, cost).step_time_s, 1.0, 0.005) << rate;
  }
}

TEST(Offload, NeedsTheHostsBandwidth) {
  const Job job = real(2);
  CostModel cost = cost_of(job, 1.0);
  cost.hardware.host_bytes_per_s.reset();
  try {
    simulate(build_plan(job), cost);
    FAIL() << "the number is not known";
  } catch (const Unsupported& problem) {
    EXPECT_EQ(problem.feature(), "host_bandwidth_bytes_per_s");
  }
}

}  // namespace
}  // namespace perfbench
