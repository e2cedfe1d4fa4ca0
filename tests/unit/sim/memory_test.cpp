#include "sim/memory.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <string>

#include "base/units.h"
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
  job.stack.constants.context_bytes = 1e6;
  const auto stages = replay_memory(build_plan(job));
  ASSERT_EQ(stages.size(), 2U);
  const double first = 2 * (kLinears + kNorms) + kTable, last = first + 64;  // the head, and the final norm
  EXPECT_EQ(stages[0].parameters, 2 * first);
  EXPECT_EQ(stages[1].parameters, 2 * last);
  EXPECT_EQ(stages[0].gradients, 2 * first);       // BF16
  EXPECT_EQ(stages[0].optimizer, 12 * first / 2);  // FP32 weights and two moments, half on each dp rank
  EXPECT_EQ(stages[0].context, 1e6);
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

TEST(Memory, APrecisionAwareOptimizerKeepsHalfOfTheMasterWeights) {
  Job job = tiny_job(4, {.pp = 2, .dp = 2}, 8);
  const double first = 2 * (kLinears + kNorms) + kTable;
  const auto optimizer = [&] { return replay_memory(build_plan(job))[0].optimizer; };
  EXPECT_EQ(optimizer(), (4 + 4 + 4) * first / 2);
  job.stack.precision_aware_optimizer = {Precision::bf16};
  EXPECT_EQ(optimizer(), (2 + 4 + 4) * first / 2);
  job.precision = Precision::fp8cs;
  EXPECT_EQ(optimizer(), (4 + 4 + 4) * first / 2);
}

TEST(Memory, FusedWeightGradientsLeaveABufferOfEachShape) {
  Job job = tiny_job(4, {.pp = 2}, 8);
  const auto gradients = [&](std::size_t stage) { return replay_memory(build_plan(job))[stage].gradients; };
  const double first = gradients(0), last = gradients(1);
  job.stack.dummy_weight_grads = true;
  EXPECT_EQ(gradients(0), first + 2 * kLinears);            // two layers with the same four shapes, in BF16
  EXPECT_EQ(gradients(1), last + 2 * (kLinears + kTable));  // and the head
  job.stack.main_grad_dtype = DType::f32;
  EXPECT_EQ(gradients(0), 2 * first + 2 * kLinears);
  job.stack.fused_grad_accumulation = false;
  EXPECT_EQ(gradients(0), 2 * first);
}

TEST(Memory, WhatIsReservedIsTold) {
  Job job = tiny_job(4, {.tp = 2, .pp = 2, .dp = 2}, 8);
  job.stack.constants.context_bytes = 1e6;
  job.stack.constants.communicator_bytes = 1e5;
  job.stack.constants.fragmentation = 0.25;
  StageMemoryBytes memory = replay_memory(build_plan(job))[0];
  EXPECT_EQ(memory.context, 1e6);
  EXPECT_EQ(memory.communicators, 3e5);  // tp, the copies, the pipeline
  EXPECT_EQ(memory.fragmentation, 0.25 * (memory.activations + memory.workspace));
  EXPECT_EQ(memory.total(), memory.planned() + 1e6 + 3e5 + memory.fragmentation);
  job = tiny_job(4, {}, 8);
  job.stack.constants.communicator_bytes = 1e5;
  EXPECT_EQ(replay_memory(build_plan(job))[0].communicators, 0.0);  // one GPU
}

TEST(Memory, AnEagerLossKeepsLogProbabilities) {
  Job job = tiny_job(1, {}, 1);
  const double logits = 32 * 1024;  // elements
  const Liveness fused = liveness(build_plan(job).of(0, 0));
  job.stack.eager_cross_entropy = true;
  const Liveness eager = liveness(build_plan(job).of(0, 0));
  EXPECT_EQ(static_cast<double>(eager.saved_bytes - fused.saved_bytes), 4 * logits - 4 * 32);  // instead of the lse
  // 14 bytes an element at once: logits (2), log-probabilities, their gradient and that of the FP32 logits (4 each).
  EXPECT_EQ(static_cast<double>(eager.backward_peak_bytes - fused.backward_peak_bytes), (14 - 4) * logits - 4 * 32);
}

// What a run of Megatron-Core in BF16 on 8 B200 had allocated at its peak, of whole models that were cut to some
// layers.
struct MeasuredRun {
  const char* model;
  int tp, pp, cp;
  std::int64_t seq_len;
  double peak_gib;
};

TEST(Memory, IsThatOfMeasuredRuns) {
  const Catalog catalog(std::filesystem::path(PERFBENCH_SOURCE_DIR) / "model_configs");
  for (const MeasuredRun& run : {MeasuredRun{"llama3_70b_12_layers", 1, 2, 1, 4096, 66.55},
                                 MeasuredRun{"llama3_70b_12_layers", 2, 1, 4, 32768, 68.43},
                                 MeasuredRun{"llama31_405b_4_layers", 8, 1, 1, 4096, 38.57}}) {
    Request request;
    request.model = std::string(PERFBENCH_SOURCE_DIR) + "/tests/data/" + run.model + "/config.json";
    request.system = "b200";
    request.stack = "megatron_plain";
    request.dtype = "bf16";
    request.num_gpus = 8;
    request.gbs = 32;
    request.mbs = 1;
    request.seq_len = run.seq_len;
    request.tp = run.tp;
    request.pp = run.pp;
    request.cp = run.cp;
    double peak = 0.0;
    for (const StageMemoryBytes& stage : replay_memory(build_plan(make_job(request, catalog))))
      peak = std::max(peak, stage.planned());
    EXPECT_NEAR(peak / kGiB / run.peak_gib, 1.0, 0.01) << run.model << " tp " << run.tp << ": " << peak / kGiB;
  }
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
