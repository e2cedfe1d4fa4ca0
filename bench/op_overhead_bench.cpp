// What the engine costs above the ATen calls that it makes: the same chain of tiny ops as a Program that the executor
// runs, and as plain calls. The difference per op is the overhead; the aim is 2 us. Then each op case, forward and
// backward.
#include <ATen/Parallel.h>
#include <ATen/ops/add.h>
#include <ATen/ops/eye.h>
#include <ATen/ops/mm.h>
#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <vector>

#include "engine/torch/executor.h"
#include "ops/op_run.h"
#include "program/builder.h"

namespace perfbench {
namespace {

constexpr std::int64_t kSize = 64;
constexpr int kOps = 1000;

enum class Chain : std::uint8_t { add, matmul };

// x1 = op(w, w), x2 = op(x1, w), ...: one value is alive at a time.
OpCase chain_case(Chain chain) {
  OpCase c;
  c.policy = {.dtype = DType::f32, .main_grad = DType::f32, .master_weights = false};
  Builder build(c.program, c.policy);
  const ValueId w = build.weight("w", {kSize, kSize}, kReplicated, {});
  ValueId x = w;
  for (int i = 0; i < kOps; ++i) {
    x = chain == Chain::add ? build.emit(Add{.a = {x}, .b = {w}}, {"x"}).out.id
                            : build.emit(Matmul{.a = {x}, .b = {w}}, {"x"}).out.id;
  }
  return c;
}

double seconds_of(const std::function<void()>& action) {
  const auto begin = std::chrono::steady_clock::now();
  action();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

double median(std::vector<double> seconds) {
  std::nth_element(seconds.begin(), seconds.begin() + static_cast<std::ptrdiff_t>(seconds.size() / 2), seconds.end());
  return seconds[seconds.size() / 2];
}

// Both take turns, so that a busy machine slows both; medians of an op's time, and their difference.
void overhead(benchmark::State& state, Chain chain) {
  const OpCase c = chain_case(chain);
  const Plan plan;
  Rank rank = lone_rank(at::kCPU);
  std::vector<Chunk> chunks;
  chunks.push_back(make_chunk(c.program, c.policy, 0, 0, rank.device));
  const at::Tensor w = at::eye(kSize);  // products stay as they are
  chunks[0].states[0].copy_(w);
  const auto runtime = make_runtime(Device::cpu, 0);
  RankNotes notes(1);
  Executor executor(plan, rank, chunks, *runtime, notes.of(0), false);
  executor.prepare({});

  std::vector<double> engine, aten;
  for (auto _ : state) {
    engine.push_back(seconds_of([&] { executor.step(false); }));
    aten.push_back(seconds_of([&] {
      at::Tensor x = w;
      for (int i = 0; i < kOps; ++i) x = chain == Chain::add ? at::add(x, w) : at::mm(x, w.t());
      benchmark::DoNotOptimize(x);
    }));
  }
  const double engine_s = median(engine) / kOps, aten_s = median(aten) / kOps;
  state.counters["aten_per_op_s"] = aten_s;
  state.counters["engine_per_op_s"] = engine_s;
  state.counters["overhead_per_op_s"] = engine_s - aten_s;
}

void one_case(benchmark::State& state, const OpCase& c) {
  OpRun run(c, at::kCPU);
  const ValueTable inputs = random_inputs(c, 1);
  run.load_weights(inputs);
  for (auto _ : state) run.pass(inputs);
}

}  // namespace
}  // namespace perfbench

int main(int argc, char** argv) {
  using namespace perfbench;
  at::set_num_threads(1);
  benchmark::RegisterBenchmark("overhead/add", overhead, Chain::add);
  benchmark::RegisterBenchmark("overhead/matmul", overhead, Chain::matmul);
  const std::vector<OpCase> cases = op_cases();
  for (const OpCase& c : cases) benchmark::RegisterBenchmark(("case/" + c.name).c_str(), one_case, std::cref(c));
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
