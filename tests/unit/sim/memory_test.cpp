#include "sim/memory.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "models/programs.h"
#include "program/liveness.h"
#include "unit/support/jobs.h"

namespace perfbench {
namespace {

// H 64, F 96, n 8, k 4, D 8: qkv 128 x 64, o 64 x 64, gate|up 192 x 64, down 64 x 96, two norms of 64.
constexpr double kLinears = 128 * 64 + 64 * 64 + 192 * 64 + 64 * 96, kNorms = 2 * 64;
constexpr double kTable = 1024 * 64;  // 1000 words, padded to 1024

TEST(Memory, StatesOfEachStage) {
  Job job = tiny_job(4, {.pp = 2, .dp = 2}, 8);
  job.stack.constants.reserved_bytes = 1e6;
  const auto stages = replay_memory(build_plan(job));
  ASSERT_EQ(stages.size(), 2U);
  const double first = 2 * (kLinears + kNorms) + kTable, last = first + 64;  // the head, and the final norm
  EXPECT_EQ(stages[0].parameters, 2 * first);
  EXPECT_EQ(stages[1].parameters, 2 * last);
  EXPECT_EQ(stages[0].gradients, 2 * first);       // BF16
  EXPECT_EQ(stages[0].optimizer, 12 * first / 2);  // FP32 weights and two moments, half on each dp rank
  EXPECT_EQ(stages[0].reserved, 1e6);
  EXPECT_EQ(stages[0].total(), 1e6 + first * (2 + 2 + 6) + stages[0].activations + stages[0].workspace);
}

TEST(Memory, TheStackDecidesAboutTheStates) {
  Job job = tiny_job(4, {.pp = 2, .dp = 2}, 8);
  job.stack.main_grad_dtype = DType::f32;
  job.stack.distributed_optimizer = false;
  job.stack.master_weights = false;
  job.stack.optimizer_state_dtype = DType::bf16;
  const auto stages = replay_memory(build_plan(job));
  const double first = 2 * (kLinears + kNorms) + kTable;
  EXPECT_EQ(stages[0].gradients, 4 * first);
  EXPECT_EQ(stages[0].optimizer, 2 * 2 * first);
}

TEST(Memory, Fp8WeightsAndTheirCopies) {
  Job job = tiny_job(4, {.pp = 2}, 8);
  job.precision = Precision::fp8cs;
  const double bf16 = 2 * (2 * kNorms + kTable);
  const auto parameters = [&] { return replay_memory(build_plan(job))[0].parameters; };
  EXPECT_EQ(parameters(), bf16 + 2 * kLinears * (1 + 1));  // held in FP8, and transposed
  job.stack.fp8_params = false;
  const double scales = 2 * 4 * 4;  // float32, of four linears in each of two layers
  EXPECT_EQ(parameters(), bf16 + 2 * kLinears * (2 + 1 + 1) + scales);  // BF16, FP8 and FP8 transposed
  job.system = tiny_system(true);
  EXPECT_EQ(parameters(), bf16 + 2 * kLinears * (2 + 1) + scales);
  job.stack.fp8_params = true;
  EXPECT_EQ(parameters(), bf16 + 2 * kLinears);
}

TEST(Memory, FsdpHoldsSharesAndOneUnitAhead) {
  Job job = tiny_job(4, {.dp = 4}, 2);
  job.layout.fsdp = true;
  job.stack.fsdp_reshard_after_forward = true;
  const auto memory = [&] { return replay_memory(build_plan(job))[0]; };
  const double weights = 4 * (kLinears + kNorms) + 2 * kTable + 64;
  const StageMemoryBytes again = memory();
  EXPECT_EQ(again.parameters, 2 * weights / 4);
  EXPECT_EQ(again.gradients, 2 * weights / 4);
  EXPECT_EQ(again.optimizer, 12 * weights / 4);
  job.stack.fsdp_defer_grad_reduce = true;
  EXPECT_EQ(memory().gradients, 2 * weights);
  // What is not gathered again is alive until the backward.
  const StageMemoryBytes deferred = memory();
  job.stack.fsdp_reshard_after_forward = false;
  const StageMemoryBytes kept = memory();
  EXPECT_EQ(kept.parameters, again.parameters);
  EXPECT_GT(kept.activations + kept.workspace, deferred.activations + deferred.workspace);
  // In a pipeline the microbatches in flight share one copy.
  Job stages = tiny_job(4, {.pp = 4, .dp = 2}, 4);
  const double whole = replay_memory(build_plan(stages))[1].parameters;
  stages.layout.fsdp = true;
  EXPECT_EQ(replay_memory(build_plan(stages))[1].parameters, whole + whole / 2);
}

// Of two replicas each rank holds half of all, as of two ranks; float32 shares are their own masters.
TEST(Memory, ReplicasAndFloat32Shares) {
  Job job = tiny_job(4, {.dp = 4}, 2);
  job.layout.fsdp = true;
  job.layout.fsdp_size = 2;
  const double weights = 4 * (kLinears + kNorms) + 2 * kTable + 64;
  const StageMemoryBytes replicas = replay_memory(build_plan(job))[0];
  EXPECT_EQ(replicas.parameters, 2 * weights / 2);
  EXPECT_EQ(replicas.gradients, 2 * weights / 2);
  EXPECT_EQ(replicas.optimizer, 12 * weights / 2);
  job.stack.param_dtype = DType::f32;
  const StageMemoryBytes wide = replay_memory(build_plan(job))[0];
  EXPECT_EQ(wide.parameters, 4 * weights / 2);
  EXPECT_EQ(wide.gradients, 4 * weights / 2);
  EXPECT_EQ(wide.optimizer, 8 * weights / 2);
  EXPECT_EQ(wide.activations + wide.workspace, replicas.activations + replicas.workspace);
  job.layout.fsdp = false;  // a master copy beside what is computed with
  job.stack.master_weights = false;
  job.stack.distributed_optimizer = false;
  const StageMemoryBytes unsharded = replay_memory(build_plan(job))[0];
  EXPECT_EQ(unsharded.parameters, 2 * weights);
  EXPECT_EQ(unsharded.optimizer, 12 * weights);
}

TEST(Memory, AStageHoldsWhatIsInFlight) {
  // Four stages, plain 1F1B: 4, 3, 2 and 1 microbatches of one layer each, the last of them inside the peak; and what
  // the next slot waits for is posted already: (T, H) in BF16.
  const Job job = tiny_job(4, {.pp = 4}, 8);
  const Plan plan = build_plan(job);
  const auto stages = replay_memory(plan);
  for (int stage = 0; stage < 4; ++stage) {
    const Liveness live = liveness(plan.of(0, stage));
    const double others = static_cast<double>(4 - stage - 1) * static_cast<double>(live.saved_bytes);
    const auto inside = static_cast<double>(std::max(live.forward_peak_bytes, live.backward_peak_bytes));
    const StageMemoryBytes& memory = stages[static_cast<std::size_t>(stage)];
    const double posted = 2.0 * 32 * 64;
    EXPECT_EQ(memory.activations + memory.workspace, others + inside + posted) << "stage " << stage;
  }
}

TEST(Memory, OfManyMicrobatchesIsThatOfSome) {
  for (const int vp : {1, 2}) {
    const Job job = tiny_job(8, {.pp = 4, .vp = vp}, 64);
    Plan plan = build_plan(job);
    const auto some = replay_memory(plan);
    plan.pipeline.microbatches = 1 << 20;
    plan.pipeline.flushes = 1 << 10;
    const auto many = replay_memory(plan);
    for (std::size_t stage = 0; stage < 4; ++stage) {
      EXPECT_EQ(many[stage].activations, some[stage].activations);
      EXPECT_EQ(many[stage].workspace, some[stage].workspace);
    }
  }
}

TEST(Memory, InterleavingHoldsMoreChunks) {
  // 2 x (4 - 1) + (2 - 1) x 4 = 10 chunks ahead, and one that runs. Middle chunks of one layer are equal.
  const Job job = tiny_job(8, {.pp = 4, .vp = 2}, 8);
  const Plan plan = build_plan(job);
  const auto first = static_cast<double>(liveness(plan.of(0, 0)).saved_bytes);
  const auto middle = static_cast<double>(liveness(plan.of(1, 0)).saved_bytes);
  // Stage 0 before its first backward: chunk 0 of microbatches 0 to 3, chunk 1 of the same, chunk 0 of 4 to 6.
  const StageMemoryBytes memory = replay_memory(plan)[0];
  EXPECT_GE(memory.activations + memory.workspace, 7 * first + 4 * middle);
  EXPECT_LE(memory.activations, 7 * first + 4 * middle);
}

}  // namespace
}  // namespace perfbench
