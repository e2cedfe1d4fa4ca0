// Chunks whose activations are computed again: what is saved, what runs once more, and that nothing else changes.
#include "program/recompute.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "models/programs.h"
#include "program/infer.h"
#include "program/liveness.h"
#include "program/operands.h"
#include "program/print.h"
#include "program/verify.h"
#include "unit/support/golden.h"
#include "unit/support/jobs.h"

namespace perfbench {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr ChunkLayers kMiddle{.first = 4, .count = 4, .embedding = false, .head = false};
constexpr ChunkLayers kOne{.first = 4, .count = 1, .embedding = false, .head = false};

// Per token of a tiny layer.
constexpr std::int64_t T = 32, H = 64, F = 96, n = 8, D = 8;
constexpr std::int64_t bf16 = 2, fp8 = 1, f32 = 4;

Job tiny(const TestLayout& layout, Precision precision = Precision::bf16) {
  Job job = tiny_job(12, layout);
  job.precision = precision;
  return job;
}

Job with_layers(Job job, int layers, bool whole = false) {
  job.recompute_layers = layers;
  job.stack.recompute_whole_layer = whole;
  return job;
}

Job with_modules(Job job, const std::vector<std::string>& modules, bool whole = false) {
  job.recompute_modules = modules;
  job.stack.recompute_whole_layer = whole;
  return job;
}

std::int64_t saved(const Job& job, const ChunkLayers& chunk = kMiddle) {
  return liveness(build_chunk(job, chunk)).saved_bytes;
}

std::vector<std::string> replayed(const Program& program, int layer) {
  std::vector<std::string> names;
  for (const Node& node : program.backward) {
    if (node.recomputed && node.layer == layer) names.emplace_back(name(node.op));
  }
  return names;
}

template <class OpType>
int count(const std::vector<Node>& nodes) {
  int found = 0;
  for (const Node& node : nodes) found += std::holds_alternative<OpType>(node.op);
  return found;
}

TEST(RecomputeGolden, ALayer) {
  expect_golden("program_tp2_recomputed_layer",
                print_program(build_chunk(with_layers(tiny({.tp = 2, .pp = 3}), 1), kOne), "tp2_recomputed_layer"));
}

TEST(RecomputeGolden, PartsInFp8) {
  const Job job = with_modules(tiny({.tp = 2, .pp = 3}, Precision::fp8cs), {"layernorm", "act"});
  expect_golden("program_tp2_fp8_recomputed_parts", print_program(build_chunk(job, kOne), "tp2_fp8_recomputed_parts"));
}

// Gathered weights are saved here. Of their copies in FP8 the forward makes the one that both passes read.
TEST(RecomputeGolden, ALayerOfGatheredWeightsInFp8) {
  Job job = with_layers(tiny({.dp = 4}, Precision::fp8cs), 1);
  job.layout.fsdp = true;
  job.stack.fp8_params = false;
  job.stack.fsdp_defer_grad_reduce = true;
  expect_golden("program_fsdp4_fp8_recomputed", print_program(build_chunk(job, kOne), "fsdp4_fp8_recomputed"));
}

TEST(Recompute, AWholeLayerSavesItsBorderAlone) {
  for (const Precision precision : {Precision::bf16, Precision::fp8cs}) {
    for (const bool whole : {false, true}) {
      const Job one = tiny({.pp = 3}, precision), two = tiny({.tp = 2, .pp = 3}, precision);
      EXPECT_EQ(saved(with_layers(one, 4, whole)), 4 * bf16 * T * H);
      EXPECT_EQ(saved(with_layers(two, 4, whole)), 4 * bf16 * T * H / 2);
      EXPECT_EQ(saved(with_layers(one, 100, whole)), 4 * bf16 * T * H);
      // The other layers of the chunk save what they always do.
      EXPECT_EQ(saved(with_layers(one, 1, whole)), bf16 * T * H + saved(one) / 4 * 3);
    }
  }
}

TEST(Recompute, APartSavesWhatItMakesAgain) {
  const auto less = [](Precision precision, const std::vector<std::string>& modules) {
    const Job job = tiny({.pp = 3}, precision);
    return (saved(job) - saved(with_modules(job, modules))) / 4;  // per layer
  };
  const std::int64_t attention = T * (bf16 * n * D + f32 * n);
  const Precision b = Precision::bf16, f = Precision::fp8cs;
  EXPECT_EQ(less(b, {"core_attn"}), attention);
  EXPECT_EQ(less(b, {"layernorm"}), 2 * T * (bf16 * H + f32));
  EXPECT_EQ(less(b, {"act"}), T * bf16 * F);
  EXPECT_EQ(less(b, {"mlp_act"}), T * bf16 * F);
  EXPECT_EQ(less(b, {"mlp"}), T * (bf16 * H + f32 + bf16 * 3 * F));
  EXPECT_EQ(less(b, {"mlp", "core_attn"}), T * (bf16 * H + f32 + bf16 * 3 * F) + attention);
  EXPECT_EQ(less(b, {"mlp", "act", "layernorm"}), T * (2 * (bf16 * H + f32) + bf16 * 3 * F));
  // In FP8 the copies go, with a scale each; that of attention's output is the next linear's and stays.
  EXPECT_EQ(less(f, {"core_attn"}), attention);
  EXPECT_EQ(less(f, {"layernorm"}), 2 * (T * (fp8 * H + f32) + f32));
  EXPECT_EQ(less(f, {"act"}), T * fp8 * F + f32);
  EXPECT_EQ(less(f, {"mlp"}), T * (fp8 * H + f32 + bf16 * 2 * F + fp8 * F) + 2 * f32);
}

TEST(Recompute, TheStackSaysWhetherTheLastProductRunsAgain) {
  const Job job = tiny({.pp = 3});
  EXPECT_THAT(replayed(build_chunk(with_layers(job, 1), kMiddle), 0),
              ElementsAre("rms_norm", "matmul", "rope", "attention", "matmul", "rms_norm", "matmul", "swiglu"));
  EXPECT_THAT(
      replayed(build_chunk(with_layers(job, 1, true), kMiddle), 0),
      ElementsAre("rms_norm", "matmul", "rope", "attention", "matmul", "rms_norm", "matmul", "swiglu", "matmul"));
  EXPECT_THAT(replayed(build_chunk(with_modules(job, {"mlp"}), kMiddle), 3),
              ElementsAre("rms_norm", "matmul", "swiglu"));
  EXPECT_THAT(replayed(build_chunk(with_modules(job, {"mlp"}, true), kMiddle), 3),
              ElementsAre("rms_norm", "matmul", "swiglu", "matmul"));
  EXPECT_TRUE(replayed(build_chunk(with_layers(job, 1), kMiddle), 1).empty());
}

// Attention is kept and, by turns, qkv before its rotation and gate|up, or the second and the last product.
TEST(Recompute, EverySecondProductIsKept) {
  Job job = tiny({.pp = 3});
  const std::int64_t all = saved(job);
  job.recompute_ops = true;
  const Program program = build_chunk(job, kMiddle);
  EXPECT_THAT(replayed(program, 0), ElementsAre("rms_norm", "rope", "matmul", "rms_norm", "swiglu"));
  constexpr std::int64_t k = 4;
  const std::int64_t kept = T * (bf16 * H + bf16 * (n + 2 * k) * D + bf16 * n * D + f32 * n + bf16 * 2 * F);
  const std::int64_t kept_next = T * (bf16 * H + bf16 * n * D + f32 * n + bf16 * H);
  EXPECT_THAT(replayed(program, 1), ElementsAre("rms_norm", "matmul", "rope", "rms_norm", "matmul", "swiglu"));
  EXPECT_EQ(liveness(program).saved_bytes, 2 * (kept + kept_next));
  EXPECT_LT(2 * (kept + kept_next), all);
  job.stack.recompute_whole_layer = true;
  EXPECT_THAT(replayed(build_chunk(job, kMiddle), 0),
              ElementsAre("rms_norm", "rope", "matmul", "rms_norm", "swiglu", "matmul"));
}

// What was reduced and scattered over tp is kept as the sum that the next norm makes of it.
TEST(Recompute, NothingIsScatteredAgainWhereOpsAreKept) {
  Job job = tiny({.tp = 2, .pp = 3});
  job.recompute_ops = true;
  const Program program = build_chunk(job, kOne);
  EXPECT_EQ(count<ReduceScatter>(program.backward), 2);  // of gradients
  EXPECT_THAT(replayed(program, 0), ElementsAre("rms_norm", "rope", "rms_norm", "swiglu"));
}

TEST(Recompute, CollectivesRunAgainAndNothingIsGatheredTwice) {
  const Job job = tiny({.tp = 2, .pp = 3});
  const Program plain = build_chunk(job, kOne), lean = build_chunk(with_layers(job, 1), kOne);
  const Program whole = build_chunk(with_layers(job, 1, true), kOne);
  // Two gradients, and two inputs: from the replay instead of from what was saved.
  for (const Program* program : {&plain, &lean, &whole}) EXPECT_EQ(count<AllGather>(program->backward), 2 + 2);
  EXPECT_EQ(count<ReduceScatter>(plain.backward), 2);
  EXPECT_EQ(count<ReduceScatter>(lean.backward), 2 + 1);
  EXPECT_EQ(count<ReduceScatter>(whole.backward), 2 + 2);
}

TEST(Recompute, NoStateIsWrittenTwice) {
  Job job = tiny({.tp = 2, .pp = 3, .dp = 2}, Precision::fp8cs);
  job.stack.fp8_params = false;
  const Program program = build_chunk(with_layers(job, 4, true), kMiddle);
  EXPECT_EQ(count<CastWeight>(program.forward), 4 * 4);
  EXPECT_EQ(count<CastWeight>(program.backward), 0);
  for (const Node& node : program.backward) {
    if (!node.recomputed) continue;
    EXPECT_EQ(node.when, When::always);
    for (const Operand& operand : collect(node.op)) EXPECT_NE(operand.use, Use::inout) << name(node.op);
  }
}

// Below the first adapter nothing has a backward: there is no other reader of what a replay would start from.
TEST(Recompute, WhatKeepsNoLessThanItFreesIsLeftAsItWas) {
  const ChunkLayers first{.first = 0, .count = 2, .embedding = true, .head = false};
  const auto adapted = [](const std::vector<std::string>& targets, const std::vector<std::string>& modules) {
    Job job = with_modules(tiny({.pp = 3}), modules);
    job.task = Task::lora;
    job.lora = Lora{.rank = 2, .alpha = 8.0, .targets = targets};
    return job;
  };
  // Attention: (T, n D) against the packed (T, (n + 2k) D). The first norm: (T, H) against (T, H).
  const Program attention = build_chunk(adapted({"o_proj"}, {"core_attn"}), first);
  EXPECT_THAT(replayed(attention, 0), IsEmpty());
  EXPECT_THAT(replayed(attention, 1), ElementsAre("attention"));
  const Program norms = build_chunk(adapted({"q_proj"}, {"layernorm"}), first);
  EXPECT_THAT(replayed(norms, 0), ElementsAre("rms_norm"));
  EXPECT_THAT(replayed(norms, 1), ElementsAre("rms_norm", "rms_norm"));
  // The border of an MLP of which only the last product has an adapter: (T, H) against (T, F) and (T, R).
  Job narrow = adapted({"down_proj"}, {"mlp"});
  EXPECT_THAT(replayed(build_chunk(narrow, first), 0), ElementsAre("rms_norm", "matmul", "swiglu", "matmul"));
  dense_of(narrow.model).ffn = 60;
  EXPECT_THAT(replayed(build_chunk(narrow, first), 0), IsEmpty());
  // Where gathered weights are saved, the frozen ones of gate and up are too much; the activation alone needs none.
  Job gathered = adapted({"gate_proj", "down_proj"}, {"mlp"});
  gathered.layout.pp = 1;
  gathered.layout.dp = 3;
  gathered.layout.fsdp = true;
  EXPECT_THAT(replayed(build_chunk(gathered, first), 0), IsEmpty());
  gathered.recompute_modules = {"mlp", "act"};
  EXPECT_THAT(replayed(build_chunk(gathered, first), 0), ElementsAre("swiglu"));
  gathered.stack.fsdp_reshard_after_forward = true;
  EXPECT_THAT(replayed(build_chunk(gathered, first), 0),
              ElementsAre("rms_norm", "matmul", "matmul", "adapter_up", "swiglu", "matmul"));
}

// Before Blackwell the forward makes transposed copies for the backward alone; the replay makes them instead.
TEST(Recompute, TheForwardDoesNotTransposeWhatIsMadeAgain) {
  const auto transposes = [](const std::vector<Node>& nodes) {
    int found = 0;
    for (const Node& node : nodes) {
      const auto* cast = std::get_if<Quantize>(&node.op);
      found += cast != nullptr && cast->dtype == DType::f8e4m3 && cast->q_t.id != kNoValue;
    }
    return found;
  };
  const Job job = tiny({.pp = 3}, Precision::fp8cs);
  const Program plain = build_chunk(job, kOne), again = build_chunk(with_layers(job, 1), kOne);
  EXPECT_EQ(transposes(plain.forward), 4);
  EXPECT_EQ(transposes(plain.backward), 0);
  EXPECT_EQ(transposes(again.forward), 0);
  EXPECT_EQ(transposes(again.backward), 4);
}

TEST(Recompute, OneLayerAtATimeIsAliveInTheBackward) {
  for (const Precision precision : {Precision::bf16, Precision::fp8cs}) {
    const Job job = tiny({.tp = 2, .pp = 3}, precision);
    const auto peak = [](const Job& j, const ChunkLayers& chunk) {
      return liveness(build_chunk(j, chunk)).backward_peak_bytes;
    };
    const std::int64_t border = bf16 * T * H / 2;
    EXPECT_EQ(peak(with_layers(job, 4), kMiddle), peak(with_layers(job, 1), kOne) + 3 * border);
    EXPECT_LT(peak(with_layers(job, 4), kMiddle), peak(job, kMiddle));
  }
}

// Every replayed op is needed: a Program that has lost one does not pass its checks.
TEST(Recompute, AForgottenReplayIsFound) {
  for (const Job& job : {with_layers(tiny({.tp = 2, .pp = 3}), 4), with_layers(tiny({.pp = 3}, Precision::fp8cs), 2),
                         with_modules(tiny({.tp = 2, .pp = 3}), {"core_attn", "layernorm", "act"})}) {
    const Program sound = build_chunk(job, kMiddle);
    int lost = 0;
    for (std::size_t i = 0; i < sound.backward.size(); ++i) {
      if (!sound.backward[i].recomputed) continue;
      Program program = sound;
      program.backward.erase(program.backward.begin() + static_cast<std::ptrdiff_t>(i));
      EXPECT_THROW(verify(program), ProgramError)
          << name(sound.backward[i].op) << " of layer " << sound.backward[i].layer;
      ++lost;
    }
    EXPECT_GE(lost, 16);
  }
}

}  // namespace
}  // namespace perfbench
