// How long it takes to build a job's Programs and to simulate them. Figures: docs/cost_model.md.
#include <benchmark/benchmark.h>

#include "cost/kernel_constants.h"
#include "job/resolve.h"
#include "models/programs.h"
#include "sim/memory.h"
#include "sim/simulate.h"

namespace perfbench {
namespace {

const Catalog& catalog() {
  static const Catalog catalog(PERFBENCH_SOURCE_DIR "/model_configs");
  return catalog;
}

// The published row LLAMA3-70B on 64 H100: tp 4, pp 8, vp 5, 64 microbatches of 2 layers a chunk.
Job llama3_70b() {
  Request request;
  request.model = "llama3_70b";
  request.system = "h100";
  return resolve(request, catalog(), Compat::perfbench).job;
}

// The largest pipeline: 126 layers, tp 8, pp 8, vp 8, cp 2, 64 microbatches.
Job llama31_405b() {
  Request request;
  request.model = "llama31_405b";
  request.system = "h100";
  request.dtype = "fp8";
  request.num_gpus = 1024;
  request.gbs = 512;
  request.mbs = 1;
  request.seq_len = 8192;
  request.tp = request.pp = request.vp = 8;
  request.cp = 2;
  return make_job(request, catalog());
}

// As many microbatches as a job may have.
Job longest(Job job) {
  job.num_microbatches = 1 << 30;
  return job;
}

CostModel cost_of(const Job& job) {
  return cost_model(job, read_kernel_constants(catalog().folder() / "kernels" / (job.system.name + ".json")));
}

void build(benchmark::State& state, const Job& job) {
  for (auto _ : state) benchmark::DoNotOptimize(build_plan(job));
}

void two_level(benchmark::State& state, const Job& job) {
  const Plan plan = build_plan(job);
  const CostModel cost = cost_of(job);
  for (auto _ : state) benchmark::DoNotOptimize(simulate(plan, cost));
}

void flat(benchmark::State& state, const Job& job) {
  const Plan plan = build_plan(job);
  const CostModel cost = cost_of(job);
  for (auto _ : state) benchmark::DoNotOptimize(simulate_flat(plan, cost));
}

void memory(benchmark::State& state, const Job& job) {
  const Plan plan = build_plan(job);
  for (auto _ : state) benchmark::DoNotOptimize(replay_memory(plan));
}

BENCHMARK_CAPTURE(build, llama3_70b, llama3_70b())->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(build, llama31_405b, llama31_405b())->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(two_level, llama3_70b, llama3_70b())->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(two_level, llama31_405b, llama31_405b())->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(two_level, llama3_70b_longest, longest(llama3_70b()))->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(two_level, llama31_405b_longest, longest(llama31_405b()))->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(flat, llama3_70b, llama3_70b())->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(flat, llama31_405b, llama31_405b())->Unit(benchmark::kMicrosecond);
// All that a row of a search needs: build, simulate, replay.
void row(benchmark::State& state, const Job& job) {
  const CostModel cost = cost_of(job);
  for (auto _ : state) {
    const Plan plan = build_plan(job);
    benchmark::DoNotOptimize(simulate(plan, cost));
    benchmark::DoNotOptimize(replay_memory(plan));
  }
}

BENCHMARK_CAPTURE(row, llama31_405b, llama31_405b())->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(memory, llama31_405b, llama31_405b())->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace perfbench
