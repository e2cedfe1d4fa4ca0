#include "models/decoder.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "program/infer.h"
#include "program/liveness.h"
#include "program/print.h"
#include "unit/support/golden.h"
#include "unit/support/jobs.h"

namespace perfbench {
namespace {

constexpr ChunkLayers kMiddle{.first = 1, .count = 1, .embedding = false, .head = false};
constexpr ChunkLayers kFirst{.first = 0, .count = 1, .embedding = true, .head = false};
constexpr ChunkLayers kLast{.first = 2, .count = 1, .embedding = false, .head = true};

Job fp8_job(const TestLayout& layout, bool blackwell) {
  Job job = tiny_job(3, layout);
  job.precision = Precision::fp8cs;
  job.system = tiny_system(blackwell);
  return job;
}

void expect_program(const std::string& name, const Job& job, const ChunkLayers& chunk) {
  expect_golden("program_" + name, print_program(build_chunk(job, chunk), name));
}

TEST(ProgramGolden, OneRankBf16) { expect_program("tp1_bf16", tiny_job(3, {.pp = 3}), kMiddle); }

TEST(ProgramGolden, SequenceParallelBf16) { expect_program("tp2_bf16", tiny_job(3, {.tp = 2, .pp = 3}), kMiddle); }

TEST(ProgramGolden, WithoutSequenceParallelism) {
  Job job = tiny_job(3, {.tp = 2, .pp = 3});
  job.stack.sequence_parallel = false;
  expect_program("tp2_bf16_no_sp", job, kMiddle);
}

TEST(ProgramGolden, SequenceParallelFp8BeforeBlackwell) {
  expect_program("tp2_fp8_hopper", fp8_job({.tp = 2, .pp = 3}, false), kMiddle);
}

TEST(ProgramGolden, SequenceParallelFp8OnBlackwell) {
  expect_program("tp2_fp8_blackwell", fp8_job({.tp = 2, .pp = 3}, true), kMiddle);
}

TEST(ProgramGolden, OneRankFp8WithBf16Weights) {
  Job job = fp8_job({.pp = 3}, false);
  job.stack.fp8_params = false;
  expect_program("tp1_fp8_bf16_weights", job, kMiddle);
}

TEST(ProgramGolden, FirstChunk) { expect_program("tp2_first", tiny_job(3, {.tp = 2, .pp = 3}), kFirst); }

TEST(ProgramGolden, LastChunk) { expect_program("tp2_last", tiny_job(3, {.tp = 2, .pp = 3}), kLast); }

TEST(ProgramGolden, BucketsOverDp) {
  Job job = tiny_job(3, {.tp = 2, .pp = 3, .dp = 2});
  job.stack.bucket_elements = 7000;
  job.stack.fused_grad_accumulation = false;
  expect_program("tp2_dp2_buckets", job, kMiddle);
}

// Half of each sequence, and where the sub-sequences of its tokens start.
TEST(ProgramGolden, ContextParallelOnPacks) {
  Job job = tiny_job(3, {.tp = 2, .pp = 3});
  job.layout.cp = 2;
  job.packed = true;
  expect_program("tp2_cp2_packed", job, kMiddle);
}

// What one llama layer saves per token, in bytes.
TEST(Decoder, SavesWhatTheBackwardReads) {
  const std::int64_t T = 32, H = 64, F = 96, n = 8, k = 4, D = 8;
  const std::int64_t bf16 = 2, fp8 = 1, f32 = 4;
  const std::int64_t common = bf16 * H                  // what the first norm normalises, and the residual
                              + f32                     // its 1 / rms
                              + bf16 * (n + 2 * k) * D  // rotated q|k|v
                              + bf16 * n * D + f32 * n  // attention's output and log-sum-exp
                              + bf16 * H + f32          // the second norm, as the first
                              + bf16 * 2 * F;           // gate|up
  const std::int64_t scales = 4 * f32;                  // of the four inputs in FP8
  const std::int64_t linears = H + n * D + H + F;       // inputs of qkv, o, gate|up and down; n D is attention's output
  const Job plain = tiny_job(3, {.pp = 3});
  EXPECT_EQ(liveness(build_chunk(plain, kMiddle)).saved_bytes, T * (common + bf16 * (linears - n * D)));
  // FP8 copies in place of the BF16 inputs; attention's output is also kept in BF16, for attention.
  EXPECT_EQ(liveness(build_chunk(fp8_job({.pp = 3}, false), kMiddle)).saved_bytes,
            T * (common + fp8 * linears) + scales);
  EXPECT_EQ(liveness(build_chunk(fp8_job({.pp = 3}, true), kMiddle)).saved_bytes,
            T * (common + fp8 * linears) + scales);
}

TEST(Decoder, SequenceParallelismDividesEverythingThatALayerSaves) {
  const std::int64_t whole = liveness(build_chunk(tiny_job(3, {.pp = 3}), kMiddle)).saved_bytes;
  const auto saved = [](bool sequence_parallel, bool regather) {
    Job job = tiny_job(3, {.tp = 4, .pp = 3});
    job.stack.sequence_parallel = sequence_parallel;
    job.stack.regather_in_backward = regather;
    return liveness(build_chunk(job, kMiddle)).saved_bytes;
  };
  EXPECT_EQ(saved(true, true), whole / 4);
  // What is not gathered again is saved whole: the inputs of qkv and gate|up, 32 tokens of 64 in BF16.
  EXPECT_EQ(saved(true, false), whole / 4 + 2 * 32 * 64 * 2 * 3 / 4);
  // Without it the two norms' inputs, outputs and 1 / rms are whole on each rank.
  EXPECT_EQ(saved(false, true), whole / 4 + 2 * 32 * (64 * 2 + 64 * 2 + 4) * 3 / 4);
}

TEST(Decoder, TheBackwardMovesAsManyBytesInFp8AsItShould) {
  // Per layer: two gathers of activations and two of gradients in FP8; reduce-scatters stay in BF16.
  for (const bool blackwell : {false, true}) {
    const Program program = build_chunk(fp8_job({.tp = 2, .pp = 3}, blackwell), kMiddle);
    int gathered = 0;
    for (const auto* nodes : {&program.forward, &program.backward}) {
      for (const Node& node : *nodes) {
        if (const auto* gather = std::get_if<AllGather>(&node.op)) {
          ++gathered;
          EXPECT_EQ(size_bytes(program.type(gather->x.id).dtype), 1);
        }
      }
    }
    EXPECT_EQ(gathered, 2 + 2 + 2);  // forward, gathered again, gradients
  }
}

TEST(Decoder, ChunksThatAreBuiltAlikeShareAProgram) {
  const JobPrograms programs = build_programs(tiny_job(16, {.pp = 4, .vp = 2}));
  EXPECT_EQ(programs.kinds.size(), 3U);
  EXPECT_EQ(programs.kind_of, (std::vector<int>{0, 1, 1, 1, 1, 1, 1, 2}));
  // Chunk c of stage s is number c * pp + s.
  EXPECT_EQ(programs.kind(1, 3, 4), 2);
  EXPECT_EQ(programs.kind(0, 3, 4), 1);
}

TEST(Decoder, UnevenChunksHaveTheirOwnPrograms) {
  Job job = tiny_job(16, {.pp = 4, .vp = 4});
  job.model = tiny_model(14);
  job.chunks = split_layers(14, 16, LayerSplit::embedding_and_loss_as_layers).value();
  const JobPrograms programs = build_programs(job);
  ASSERT_EQ(programs.kinds.size(), 3U);
  EXPECT_EQ(programs.kinds[0].num_layers, 0);  // the embedding alone
  EXPECT_EQ(programs.kinds[1].num_layers, 1);
  EXPECT_EQ(programs.kinds[2].num_layers, 0);  // the head alone
}

TEST(Decoder, RefusesWhatHasNoProgramByItsFeature) {
  const auto feature = [](auto&& change) -> std::string {
    Job job = tiny_job(4, {.pp = 2});
    change(job);
    try {
      build_programs(job);
    } catch (const Unsupported& unsupported) {
      return unsupported.feature();
    }
    return "";
  };
  EXPECT_EQ(feature([](Job&) {}), "");
  EXPECT_EQ(feature([](Job& job) { job.model.moe = MoeShape{}; }), "moe");
  EXPECT_EQ(feature([](Job& job) { job.model.layers.front().mixer = Mixer::mamba2; }), "model family");
  EXPECT_EQ(feature([](Job& job) { job.model.qk_norm = true; }), "model family");
  EXPECT_EQ(feature([](Job& job) { job.model.rope_type = "yarn"; }), "rope yarn");
  EXPECT_EQ(feature([](Job& job) { job.task = Task::lora; }), "lora");
  EXPECT_EQ(feature([](Job& job) { job.precision = Precision::mxfp8; }), "mxfp8");
  EXPECT_EQ(feature([](Job& job) { job.recompute_layers = 1; }), "recompute");
  EXPECT_EQ(feature([](Job& job) { job.offload_layers = 1; }), "offload");
  EXPECT_EQ(feature([](Job& job) {
              job.layout.fsdp = true;
              job.layout.dp = 2;
            }),
            "fsdp");
  EXPECT_EQ(feature([](Job& job) {
              job.model.kv_heads = 2;
              job.layout.tp = 4;
            }),
            "kv head copies");
}

TEST(Decoder, TiedEmbeddingsAreOneWeightWithOneGradient) {
  Job job = tiny_job(2, {.tp = 2, .dp = 2});
  job.model.tied_embeddings = true;
  const Program program = build_programs(job).kinds.at(0);
  int tables = 0, grads = 0, reductions = 0;
  for (const Value& value : program.values) {
    if (value.name != std::string("embed_tokens")) continue;
    tables += value.state == StateKind::weight;
    grads += value.state == StateKind::main_grad;
  }
  for (const Node& node : program.backward) reductions += std::holds_alternative<ReduceGrads>(node.op);
  EXPECT_EQ(tables, 1);
  EXPECT_EQ(grads, 1);
  EXPECT_EQ(reductions, 1);
}

TEST(Decoder, TheVocabularyIsPaddedToTheSameRowsOnEveryRank) {
  // 1000 words on two ranks: 512 each, the next multiple of 128.
  const Program program = build_chunk(tiny_job(3, {.tp = 2, .pp = 3}), kLast);
  for (const Value& value : program.values) {
    if (value.name == std::string("lm_head") && value.state == StateKind::weight) {
      EXPECT_EQ(value.type.shape, (Shape{512, 64}));
    }
  }
}

}  // namespace
}  // namespace perfbench
