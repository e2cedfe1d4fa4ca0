// What the engine counts while it runs against what the Programs say: bytes moved and bytes alive, exactly, on many
// layouts; and that the layout does not matter to the losses.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <tuple>

#include "base/error.h"
#include "parity/outcome.h"
#include "parity/structure.h"
#include "parity/tiny_llama.h"

namespace perfbench {
namespace {

using ::testing::HasSubstr;

std::vector<TinyLlama> layouts() {
  return {
      {.name = "one_rank"},
      {.name = "one_rank_tied_biases", .mbs = 2, .tied = true, .biases = true},
      {.name = "tp2", .tp = 2},
      {.name = "tp4_mbs2_kept_inputs", .tp = 4, .mbs = 2, .regather = false},
      {.name = "tp2_no_sequence_parallel_biases", .tp = 2, .biases = true, .sequence_parallel = false},
      {.name = "pp2", .pp = 2},
      {.name = "pp4_two_flushes", .pp = 4, .flushes = 2},
      {.name = "pp3_uneven", .pp = 3, .layers = 4},
      {.name = "pp2_vp2", .pp = 2, .vp = 2},
      {.name = "pp4_tied", .pp = 4, .tied = true},
      {.name = "dp2", .dp = 2},
      {.name = "dp8", .dp = 8},
      {.name = "dp2_replicated_optimizer", .dp = 2, .distributed_optimizer = false},
      {.name = "dp4_small_buckets", .dp = 4, .bucket_elements = 1000},
      {.name = "tp2_dp2_buckets_unfused", .tp = 2, .dp = 2, .fused = false, .bucket_elements = 3000},
      {.name = "tp2_pp2", .tp = 2, .pp = 2, .mbs = 2},
      {.name = "tp2_pp2_vp2_dp2_tied_biases",
       .tp = 2,
       .pp = 2,
       .vp = 2,
       .dp = 2,
       .tied = true,
       .biases = true,
       .bucket_elements = 2000},
      {.name = "pp2_dp2_tied_replicated_optimizer", .pp = 2, .dp = 2, .tied = true, .distributed_optimizer = false},
      {.name = "fsdp4", .dp = 4, .fsdp = true},
      {.name = "fsdp8_kept", .dp = 8, .fsdp = true, .reshard = false},
      {.name = "fsdp2_tied_biases", .dp = 2, .tied = true, .biases = true, .fsdp = true},
      {.name = "fsdp2_tp2", .tp = 2, .dp = 2, .fsdp = true},
      {.name = "fsdp2_tp2_no_sequence_parallel", .tp = 2, .dp = 2, .sequence_parallel = false, .fsdp = true},
      {.name = "fsdp2_kept_deferred", .dp = 2, .fsdp = true, .reshard = false, .defer_reduce = true},
      {.name = "fsdp2_deferred_unfused_biases",
       .dp = 2,
       .biases = true,
       .fused = false,
       .fsdp = true,
       .defer_reduce = true},
      {.name = "fsdp2_pp2_tied", .pp = 2, .dp = 2, .tied = true, .fsdp = true},
      {.name = "fsdp2_tp2_pp2_vp2_tied_biases_deferred",
       .tp = 2,
       .pp = 2,
       .vp = 2,
       .dp = 2,
       .tied = true,
       .biases = true,
       .fsdp = true,
       .defer_reduce = true},
      {.name = "hsdp2x2", .dp = 4, .fsdp = true, .fsdp_size = 2},
      {.name = "hsdp2x2_kept_deferred_tied_biases",
       .dp = 4,
       .tied = true,
       .biases = true,
       .fsdp = true,
       .reshard = false,
       .defer_reduce = true,
       .fsdp_size = 2},
      {.name = "hsdp2x2_tp2_pp2_tied", .tp = 2, .pp = 2, .dp = 4, .tied = true, .fsdp = true, .fsdp_size = 2},
      {.name = "recompute_all", .recompute_layers = 9},
      {.name = "recompute_whole_tp2_pp2_vp2_dp2_tied_biases",
       .tp = 2,
       .pp = 2,
       .vp = 2,
       .dp = 2,
       .tied = true,
       .biases = true,
       .recompute_layers = 1,
       .recompute_whole_layer = true},
      {.name = "recompute_fsdp2_tp2_kept", .tp = 2, .dp = 2, .fsdp = true, .reshard = false, .recompute_layers = 9},
      {.name = "recompute_fsdp4_one_of_two_pp2",
       .pp = 2,
       .dp = 4,
       .fsdp = true,
       .defer_reduce = true,
       .recompute_layers = 1,
       .recompute_whole_layer = true},
      {.name = "recompute_parts_tp2", .tp = 2, .recompute_modules = {"core_attn", "layernorm", "act"}},
  };
}

// K and V go round the ring of cp: alone, with every other axis, and with packed sub-sequences.
std::vector<TinyLlama> context_parallel() {
  return {
      {.name = "packed", .mbs = 2, .packed = true},
      {.name = "packed_tp2_pp2", .tp = 2, .pp = 2, .mbs = 4, .packed = true},
      {.name = "cp2", .cp = 2},
      {.name = "cp4_mbs4", .mbs = 4, .cp = 4},
      {.name = "cp4_mbs2_packed", .mbs = 2, .cp = 4, .packed = true},
      {.name = "cp8_packed", .mbs = 8, .cp = 8, .packed = true},
      {.name = "cp2_tp2_pp2", .tp = 2, .pp = 2, .mbs = 2, .cp = 2},
      {.name = "cp2_tp2_pp2_packed", .tp = 2, .pp = 2, .mbs = 4, .cp = 2, .packed = true},
      {.name = "cp2_tp2_no_sequence_parallel", .tp = 2, .mbs = 4, .sequence_parallel = false, .cp = 2},
      {.name = "cp2_pp2_vp2_tied", .pp = 2, .vp = 2, .mbs = 4, .tied = true, .cp = 2},
      {.name = "cp2_dp2_buckets_packed", .dp = 2, .mbs = 2, .bucket_elements = 3000, .cp = 2, .packed = true},
      {.name = "cp2_dp2_replicated_optimizer", .dp = 2, .mbs = 2, .distributed_optimizer = false, .cp = 2},
      {.name = "cp4_tp2_biases", .tp = 2, .mbs = 4, .biases = true, .cp = 4},
      {.name = "cp2_tp2_pp2_vp2_dp2_tied_biases_packed",
       .tp = 2,
       .pp = 2,
       .vp = 2,
       .dp = 2,
       .mbs = 2,
       .tied = true,
       .biases = true,
       .bucket_elements = 2000,
       .cp = 2,
       .packed = true},
  };
}

// More tp ranks than key/value heads: neighbours hold copies of a head.
std::vector<TinyLlama> copied_heads() {
  return {
      {.name = "tp8_of_4_heads", .tp = 8},
      {.name = "tp4_of_2_heads_pp2_biases", .tp = 4, .pp = 2, .biases = true, .heads = 4},
      {.name = "tp2_of_1_head_dp2_no_sequence_parallel",
       .tp = 2,
       .dp = 2,
       .biases = true,
       .sequence_parallel = false,
       .bucket_elements = 1500,
       .heads = 2},
      {.name = "tp4_of_2_heads_dp2_replicated_optimizer",
       .tp = 4,
       .dp = 2,
       .distributed_optimizer = false,
       .fused = false,
       .heads = 4},
      {.name = "tp4_of_2_heads_fsdp2_biases", .tp = 4, .dp = 2, .biases = true, .heads = 4, .fsdp = true},
      {.name = "tp4_of_2_heads_fsdp2_deferred", .tp = 4, .dp = 2, .heads = 4, .fsdp = true, .defer_reduce = true},
      {.name = "tp2_of_1_head_cp2_recomputed", .tp = 2, .mbs = 2, .heads = 2, .recompute_layers = 9, .cp = 2},
  };
}

// The same in lower precision: another program, the same rules.
std::vector<TinyLlama> lower_precision() {
  return {
      {.name = "bf16", .precision = Precision::bf16},
      {.name = "bf16_tp2_pp2_dp2", .tp = 2, .pp = 2, .dp = 2, .precision = Precision::bf16, .bucket_elements = 1500},
      {.name = "bf16_pp2_dp2_tied", .pp = 2, .dp = 2, .precision = Precision::bf16, .tied = true},
      {.name = "bf16_cp2_tp2_packed", .tp = 2, .mbs = 4, .precision = Precision::bf16, .cp = 2, .packed = true},
      {.name = "fp8cs", .precision = Precision::fp8cs},
      {.name = "fp8cs_tp2", .tp = 2, .precision = Precision::fp8cs},
      {.name = "fp8cs_tp2_kept_inputs", .tp = 2, .precision = Precision::fp8cs, .regather = false},
      {.name = "fp8cs_tp2_no_sequence_parallel",
       .tp = 2,
       .precision = Precision::fp8cs,
       .biases = true,
       .sequence_parallel = false},
      {.name = "fp8cs_tp2_pp2_vp2_dp2", .tp = 2, .pp = 2, .vp = 2, .dp = 2, .precision = Precision::fp8cs},
      {.name = "bf16_fsdp4_tied", .dp = 4, .precision = Precision::bf16, .tied = true, .fsdp = true},
      {.name = "fp8cs_tp4_of_2_heads_dp2", .tp = 4, .dp = 2, .precision = Precision::fp8cs, .heads = 4},
      {.name = "fp8cs_fsdp2_tp2", .tp = 2, .dp = 2, .precision = Precision::fp8cs, .fsdp = true},
      {.name = "fp8cs_fsdp2_pp2_kept_deferred",
       .pp = 2,
       .dp = 2,
       .precision = Precision::fp8cs,
       .fsdp = true,
       .reshard = false,
       .defer_reduce = true},
      {.name = "fp8cs_recompute_tp2_pp2", .tp = 2, .pp = 2, .precision = Precision::fp8cs, .recompute_layers = 1},
      {.name = "fp8cs_recompute_parts",
       .precision = Precision::fp8cs,
       .recompute_modules = {"core_attn", "layernorm", "act"}},
      {.name = "fp8cs_fsdp2_recompute_tp2",
       .tp = 2,
       .dp = 2,
       .precision = Precision::fp8cs,
       .fsdp = true,
       .recompute_layers = 9},
      {.name = "bf16_hsdp2x2_f32_shares",
       .dp = 4,
       .precision = Precision::bf16,
       .fsdp = true,
       .fsdp_size = 2,
       .params = DType::f32},
      {.name = "fp8cs_fsdp2_f32_shares_deferred_bf16_moments",
       .dp = 2,
       .precision = Precision::fp8cs,
       .fsdp = true,
       .defer_reduce = true,
       .params = DType::f32,
       .grads = DType::f32,
       .moments = DType::bf16},
  };
}

std::vector<TinyLlama> families() {
  return {
      {.name = "gpt2_tp2_pp2_dp2", .tp = 2, .pp = 2, .dp = 2, .tied = true, .family = "gpt2"},
      {.name = "gpt2_tp2_no_sequence_parallel", .tp = 2, .sequence_parallel = false, .family = "gpt2"},
      {.name = "nemotron_tp2_dp2", .tp = 2, .dp = 2, .bucket_elements = 2000, .family = "nemotron"},
      {.name = "qwen3_tp2_pp2_kept_inputs", .tp = 2, .pp = 2, .regather = false, .family = "qwen3"},
      {.name = "qwen3_tp8_of_4_heads", .tp = 8, .family = "qwen3"},
  };
}

class EngineStructure : public WithEngine, public ::testing::WithParamInterface<TinyLlama> {};
class EngineCounts : public WithEngine {};
class EngineLayouts : public WithEngine {};
class EngineRuns : public WithEngine {};
class EngineFaults : public WithEngine {};

// Every step moves and holds what the Programs say, and a rendezvous of sends changes no bit.
TEST_P(EngineStructure, IsWhatTheProgramsSay) {
  const Job job = tiny_llama(GetParam());
  const Course buffered = train(job, {.timeout_s = 60}, true);
  EXPECT_EQ(train(job, {.timeout_s = 60, .rendezvous = true}, true), buffered);
  for (const double loss : buffered.losses) EXPECT_TRUE(std::isfinite(loss));
}

std::string name_of(const ::testing::TestParamInfo<TinyLlama>& info) { return info.param.name; }

INSTANTIATE_TEST_SUITE_P(Fp32, EngineStructure, ::testing::ValuesIn(layouts()), name_of);
INSTANTIATE_TEST_SUITE_P(Families, EngineStructure, ::testing::ValuesIn(families()), name_of);
INSTANTIATE_TEST_SUITE_P(ContextParallel, EngineStructure, ::testing::ValuesIn(context_parallel()), name_of);
INSTANTIATE_TEST_SUITE_P(CopiedHeads, EngineStructure, ::testing::ValuesIn(copied_heads()), name_of);
INSTANTIATE_TEST_SUITE_P(Lower, EngineStructure, ::testing::ValuesIn(lower_precision()), name_of);

// A forward and a backward alone moves the same: AdamW is the rank's own affair.
TEST_F(EngineCounts, AForwardAndABackwardMoveWhatATrainingStepMoves) {
  const Job job = tiny_llama({.name = "", .tp = 2, .pp = 2, .dp = 2, .tied = true});
  const Plan plan = build_plan(job);
  const auto session = open_tiny(plan, {.timeout_s = 60});
  expect_structure(session->step(mock_batch(job, 7, 0), StepKind::forward_backward), job, plan);
}

// FP32 sums in another order: losses, every gradient and the weights after two steps of AdamW.
void expect_like_one_rank(const std::vector<TinyLlama>& layouts) {
  std::map<std::tuple<bool, bool, bool, int>, Outcome> references;
  for (const TinyLlama& tiny : layouts) {
    SCOPED_TRACE(tiny.name);
    const std::tuple model{tiny.tied, tiny.biases, tiny.packed, tiny.heads};
    if (!references.contains(model)) references[model] = one_rank(tiny);
    const Job job = tiny_llama(tiny);
    expect_allowed(compare(two_steps(job, build_plan(job)), references[model]));
  }
}

Course train_sharded(Precision precision, bool reshard, bool deferred) {
  TinyLlama tiny{.name = "", .tp = 2, .dp = 2, .mbs = 2, .precision = precision, .fsdp = true};
  tiny.reshard = reshard;
  tiny.defer_reduce = deferred;
  return train(tiny_llama(tiny), {.timeout_s = 60}, false);
}

// Whole weights are the same bits on every rank, gathered or held, and so are their casts; a second gather changes
// nothing. Deferred sums are those of whole weights; sums scattered with every microbatch are rounded otherwise, and
// AdamW makes more of it.
TEST_F(EngineLayouts, ShardsOfWeightsInLowPrecisionAreThoseOfWholeOnes) {
  for (const Precision precision : {Precision::bf16, Precision::fp8cs}) {
    const Course whole =
        train(tiny_llama({.name = "", .tp = 2, .dp = 2, .mbs = 2, .precision = precision}), {.timeout_s = 60}, false);
    const Course deferred = train_sharded(precision, true, true), scattered = train_sharded(precision, true, false);
    EXPECT_EQ(train_sharded(precision, false, true), deferred);
    EXPECT_EQ(train_sharded(precision, false, false), scattered);
    EXPECT_EQ(deferred.losses, whole.losses);
    EXPECT_EQ(scattered.losses.front(), whole.losses.front());
    EXPECT_NEAR(scattered.norms.front(), whole.norms.front(), 4e-3 * whole.norms.front());  // a rounding to bf16
    for (std::size_t step = 0; step < whole.losses.size(); ++step) {
      EXPECT_NEAR(deferred.norms[step], whole.norms[step], 1e-5 * whole.norms[step]);
      EXPECT_NEAR(scattered.losses[step], whole.losses[step], 2e-3 * whole.losses[step]);
    }
  }
}

// A share that is float32 is the master that a rank otherwise holds beside its weights: gathers round it as an update
// rounds that, and the losses are the same to the bit.
TEST_F(EngineLayouts, Float32SharesAreMasters) {
  TinyLlama tiny{.name = "", .dp = 2, .mbs = 2, .precision = Precision::bf16, .fsdp = true, .grads = DType::f32};
  const Course masters = train(tiny_llama(tiny), {.timeout_s = 60}, false);
  tiny.params = DType::f32;
  EXPECT_EQ(train(tiny_llama(tiny), {.timeout_s = 60}, false), masters);
}

// Moments of two bytes are rounded: the first step is the same, what follows is near.
TEST_F(EngineLayouts, NarrowMomentsAreRoundedMoments) {
  TinyLlama tiny{.name = "", .dp = 2};
  const Course wide = train(tiny_llama(tiny), {.timeout_s = 60}, false);
  tiny.moments = DType::bf16;
  const Course narrow = train(tiny_llama(tiny), {.timeout_s = 60}, false);
  EXPECT_EQ(narrow.losses.front(), wide.losses.front());
  EXPECT_NE(narrow.losses.back(), wide.losses.back());
  EXPECT_NEAR(narrow.losses.back(), wide.losses.back(), 1e-2 * wide.losses.back());
}

TEST_F(EngineLayouts, WithCopiesOfHeadsAgreeWithOneRank) { expect_like_one_rank(copied_heads()); }

TEST_F(EngineLayouts, AgreeWithOneRank) { expect_like_one_rank(layouts()); }

// What one rank computes is proven elsewhere: packs, too, by the op cases against autograd.
TEST_F(EngineLayouts, OfContextParallelismAgreeWithOneRank) { expect_like_one_rank(context_parallel()); }

// Who forgets that samples are packed computes something else.
TEST_F(EngineLayouts, PackedSamplesAreNotWholeOnes) {
  EXPECT_GT(compare(one_rank({.name = "", .packed = true}), one_rank({.name = ""})).gradient, 100.0);
}

TEST_F(EngineRuns, AreTheSameBitForBit) {
  for (const TinyLlama& tiny : {TinyLlama{.name = "", .tp = 2, .pp = 2, .vp = 2, .dp = 2, .tied = true, .biases = true},
                                TinyLlama{.name = "", .pp = 2, .mbs = 4, .cp = 4, .packed = true}}) {
    const Job job = tiny_llama(tiny);
    const Course first = train(job, {.timeout_s = 60}, false);
    for (int run = 0; run < 3; ++run) EXPECT_EQ(train(job, {.timeout_s = 60}, false), first);
  }
}

std::string run_error(const std::function<void()>& action) {
  try {
    action();
  } catch (const RunError& error) {
    return error.what();
  } catch (const std::exception& error) {
    return std::string("no RunError: ") + error.what();
  }
  return "no error";
}

// ATen refuses an attention of other sizes on stage 1; stage 0 waits for it and must end, too. So must the next step.
TEST_F(EngineFaults, ARankThatFailsEndsTheStepForAll) {
  for (const bool rendezvous : {false, true}) {
    const Job job = tiny_llama({.name = "", .tp = 2, .pp = 2});
    Plan plan = build_plan(job);
    ASSERT_EQ(plan.kinds.size(), 2U);
    for (Node& node : plan.kinds[1].forward) {
      if (auto* op = std::get_if<Attention>(&node.op)) op->seq += 1;
    }
    const auto session = open_tiny(plan, {.timeout_s = 60, .rendezvous = rendezvous});
    for (int step = 0; step < 2; ++step) {
      const std::string said = run_error([&] { session->step(mock_batch(job, 7, step), StepKind::train); });
      EXPECT_THAT(said, HasSubstr("perfbench: error: "));
      EXPECT_THAT(said, HasSubstr("rank "));
      EXPECT_THAT(said, HasSubstr("shape"));
    }
  }
}

// Stage 1 forgets the sum over both stages that hold the embedding; stage 0 must not wait for ever.
TEST_F(EngineFaults, ACollectiveThatOneStageForgetsIsNamedAfterTheTimeout) {
  const Job job = tiny_llama({.name = "", .pp = 2, .tied = true});
  Plan plan = build_plan(job);
  ASSERT_EQ(plan.kinds.size(), 2U);
  std::vector<Node>& nodes = plan.kinds[1].optimizer;
  ASSERT_TRUE(std::holds_alternative<ReduceSharedGrads>(nodes.front().op));
  nodes.erase(nodes.begin());
  const auto session = open_tiny(plan, {.timeout_s = 0.5});
  const std::string said = run_error([&] { session->step(mock_batch(job, 7, 0), StepKind::train); });
  EXPECT_THAT(said, HasSubstr("all_reduce"));
  EXPECT_THAT(said, HasSubstr("0.5 s"));
}

}  // namespace
}  // namespace perfbench
