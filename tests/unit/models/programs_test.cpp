#include "models/programs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <span>
#include <utility>

#include "base/error.h"
#include "program/copied_rows.h"
#include "program/infer.h"
#include "program/liveness.h"
#include "program/print.h"
#include "program/step_traffic.h"
#include "unit/support/golden.h"
#include "unit/support/jobs.h"

namespace perfbench {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

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

TEST(ProgramGolden, CopiesOfKeyValueHeads) {
  Job job = tiny_job(3, {.tp = 4, .pp = 3, .dp = 2});
  gqa_of(job.model).kv_heads = 2;
  gqa_of(job.model).bias = true;
  expect_program("tp4_kv2_dp2", job, kMiddle);
}

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

Job lora_job(const TestLayout& layout, std::vector<std::string> targets) {
  Job job = tiny_job(3, layout);
  job.task = Task::lora;
  job.lora = Lora{.rank = 4, .alpha = 8.0, .targets = std::move(targets)};
  return job;
}

TEST(ProgramGolden, AdaptersOverTp) {
  expect_program("tp2_lora", lora_job({.tp = 2, .pp = 3}, {"q_proj", "v_proj", "o_proj", "up_proj"}), kMiddle);
}

TEST(ProgramGolden, AdaptersWithFusedGradients) {
  Job job = lora_job({.pp = 3}, {"q_proj", "v_proj", "o_proj", "up_proj"});
  job.stack.fused_adapter_gradients = true;
  expect_program("tp1_lora_fused", job, kMiddle);
}

TEST(Adapters, FrozenWeightsHaveNoGradientsAndNoBuckets) {
  const Job job =
      lora_job({.tp = 2, .dp = 2}, {"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"});
  const Program program = build_plan(job).kinds.front();
  EXPECT_EQ(states(program, StateKind::main_grad).size(), 3u * 4u * 2u);  // A and B beside four linears
  for (ValueId grad : states(program, StateKind::main_grad)) EXPECT_TRUE(program[program[grad].weight].trainable);
  for (const Node& node : program.forward) {
    const auto* gather = std::get_if<GatherParams>(&node.op);
    if (gather == nullptr) continue;
    for (InOut weight : gather->weights) EXPECT_TRUE(program[weight.id].trainable);
  }
  for (const Node& node : program.backward) EXPECT_FALSE(std::holds_alternative<EmbeddingBackward>(node.op));
}

// Nothing below the first adapter: of three layers the first one's attention has no backward.
TEST(Adapters, BackwardEndsAtTheFirstOne) {
  const auto attentions = [](std::vector<std::string> targets) {
    const Program program = build_plan(lora_job({}, std::move(targets))).kinds.front();
    return std::count_if(program.backward.begin(), program.backward.end(),
                         [](const Node& node) { return std::holds_alternative<AttentionBackward>(node.op); });
  };
  EXPECT_EQ(attentions({"q_proj"}), 3);
  EXPECT_EQ(attentions({"up_proj"}), 2);
}

TEST(Adapters, AChunkWithoutAnyHasNoBackwardOfItsOwn) {
  const Job job = lora_job({.tp = 2, .pp = 3}, {"q_proj"});
  const Program embedding = build_chunk(job, {.first = 0, .count = 0, .embedding = true, .head = false});
  EXPECT_TRUE(embedding.backward.empty());
  EXPECT_TRUE(embedding.optimizer.empty());
  EXPECT_NE(embedding.grad_output, kNoValue);
  const Program head = build_chunk(job, {.first = 3, .count = 0, .embedding = false, .head = true});
  EXPECT_TRUE(states(head, StateKind::main_grad).empty());
  EXPECT_NE(head.grad_input, kNoValue);
}

TEST(Adapters, LinearsAreCastOnceAStepOrWithEveryMicrobatch) {
  for (const bool recast : {false, true}) {
    Job job = lora_job({.tp = 2, .pp = 3}, {"qkv_proj"});
    job.precision = Precision::fp8cs;
    job.stack.recast_frozen_weights = recast;
    const Program program = build_chunk(job, kMiddle);
    int casts = 0;
    for (const Node& node : program.forward) {
      if (!std::holds_alternative<CastWeight>(node.op)) continue;
      ++casts;
      EXPECT_EQ(node.when, recast ? When::always : When::first_microbatch);
    }
    EXPECT_EQ(casts, 4);
    for (ValueId grad : states(program, StateKind::main_grad)) EXPECT_EQ(program.type(grad).dtype, DType::bf16);
    for (const auto* nodes : {&program.forward, &program.backward}) {  // what only weight gradients read is not made
      for (const Node& node : *nodes) {
        if (const auto* quantize = std::get_if<Quantize>(&node.op)) {
          EXPECT_EQ(quantize->q_t.id, kNoValue);
        }
      }
    }
  }
}

TEST(ProgramGolden, FirstChunk) { expect_program("tp2_first", tiny_job(3, {.tp = 2, .pp = 3}), kFirst); }

TEST(ProgramGolden, LastChunk) { expect_program("tp2_last", tiny_job(3, {.tp = 2, .pp = 3}), kLast); }

TEST(ProgramGolden, BucketsOverDp) {
  Job job = tiny_job(3, {.tp = 2, .pp = 3, .dp = 2});
  job.stack.bucket_elements = 7000;
  job.stack.fused_grad_accumulation = false;
  expect_program("tp2_dp2_buckets", job, kMiddle);
}

Job gpt2_job(const TestLayout& layout) {
  Job job = tiny_job(3, layout);
  ModelSpec& model = job.model;
  model.family = "gpt2";
  model.max_positions = 48;
  model.norm = Norm::layer;
  model.learned_positions = model.tied_embeddings = true;
  gqa_of(model) = {.heads = 8, .kv_heads = 8, .head_dim = 8, .bias = true, .out_bias = true, .packed_qkv = true};
  dense_of(model) = {.ffn = 96, .activation = Activation::gelu_tanh, .gated = false, .bias = true};
  return job;
}

Job nemotron_job(const TestLayout& layout) {
  Job job = tiny_job(3, layout);
  job.model.family = "nemotron";
  job.model.norm = Norm::layer1p;
  dense_of(job.model) = {.ffn = 96, .activation = Activation::relu2, .gated = false};
  gqa_of(job.model).rotary->share = 0.5;
  return job;
}

Job qwen3_job(const TestLayout& layout) {
  Job job = tiny_job(3, layout);
  job.model.family = "qwen3";
  gqa_of(job.model).qk_norm = HeadNorm::per_head;
  return job;
}

TEST(ProgramGolden, Gpt2Layer) { expect_program("gpt2_tp2", gpt2_job({.tp = 2, .pp = 3}), kMiddle); }

TEST(ProgramGolden, Gpt2FirstChunkHasThePositions) {
  expect_program("gpt2_tp2_first", gpt2_job({.tp = 2, .pp = 3}), kFirst);
}

TEST(ProgramGolden, NemotronLayer) { expect_program("nemotron_tp2", nemotron_job({.tp = 2, .pp = 3}), kMiddle); }

TEST(ProgramGolden, Qwen3Layer) { expect_program("qwen3_tp2", qwen3_job({.tp = 2, .pp = 3}), kMiddle); }

std::span<const Piece> pieces_of(const Program& program, std::string_view name) {
  for (const ValueId id : states(program, StateKind::weight)) {
    if (program[id].name == name) return program.pieces(id);
  }
  throw std::logic_error("no such weight");
}

TEST(Decoder, Gpt2TakesQKAndVFromColumnsOfOneTensor) {
  const Program program = build_chunk(gpt2_job({.tp = 2, .pp = 3}), kMiddle);
  const std::span<const Piece> pieces = pieces_of(program, "qkv_proj");
  ASSERT_EQ(pieces.size(), 3U);
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    EXPECT_EQ(pieces[i].tensor, "transformer.h.{}.attn.c_attn.weight");
    EXPECT_TRUE(pieces[i].transposed);
    EXPECT_EQ(pieces[i].rows, 32);  // of this rank: half of the 64 rows of q, of k and of v
    EXPECT_EQ(pieces[i].first_row, 64 * static_cast<std::int64_t>(i));
    EXPECT_EQ(pieces[i].tensor_rows, 192);
  }
  EXPECT_FALSE(pieces_of(program, "qkv_bias")[2].transposed);
  EXPECT_TRUE(pieces_of(program, "down_proj")[0].transposed);
}

// Each rank looks its own rows of the stream up: their gradients are parts of a sum over tp.
TEST(Decoder, LearnedPositionsAreReducedOverTpUnderSequenceParallelism) {
  const auto placement = [](bool sequence_parallel) {
    Job job = gpt2_job({.tp = 2, .pp = 3});
    job.stack.sequence_parallel = sequence_parallel;
    const Program program = build_chunk(job, kFirst);
    for (ValueId grad : states(program, StateKind::main_grad)) {
      if (program[grad].name == std::string("position_table")) return program.type(grad).placement[Axis::tp];
    }
    throw std::logic_error("the table has no gradient");
  };
  EXPECT_TRUE(placement(true).is_partial());
  EXPECT_TRUE(placement(false).is_replicated());
}

TEST(ProgramGolden, Fsdp) {
  Job job = tiny_job(3, {.tp = 2, .pp = 3, .dp = 4});
  job.layout.fsdp = true;
  job.stack.fsdp_reshard_after_forward = true;
  expect_program("tp2_fsdp4", job, {.first = 1, .count = 2, .embedding = false, .head = true});
}

TEST(ProgramGolden, FsdpWithReplicasAndFloat32Shares) {
  Job job = tiny_job(3, {.pp = 3, .dp = 4});
  job.layout.fsdp = true;
  job.layout.fsdp_size = 2;
  job.stack.fsdp_reshard_after_forward = true;
  job.stack.param_dtype = DType::f32;
  expect_program("hsdp2x2_f32", job, kMiddle);
}

TEST(ProgramGolden, FsdpInFp8WithWeightsThatAreKept) {
  Job job = fp8_job({.pp = 3, .dp = 4}, false);
  job.layout.fsdp = true;
  job.stack.fsdp_defer_grad_reduce = true;
  expect_program("fsdp4_fp8_deferred", job, kMiddle);
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
  const Plan plan = build_plan(tiny_job(16, {.pp = 4, .vp = 2}));
  EXPECT_EQ(plan.kinds.size(), 3U);
  std::vector<int> kinds, first_layers;
  for (const PlannedChunk& chunk : plan.chunks) {
    kinds.push_back(chunk.kind);
    first_layers.push_back(chunk.first_layer);
  }
  EXPECT_EQ(kinds, (std::vector<int>{0, 1, 1, 1, 1, 1, 1, 2}));
  EXPECT_EQ(first_layers, (std::vector<int>{0, 2, 4, 6, 8, 10, 12, 14}));
  // Chunk c of stage s is number c * pp + s.
  EXPECT_EQ(plan.kind(1, 3), 2);
  EXPECT_EQ(plan.kind(0, 3), 1);
}

// Layers of two kinds by turns: chunks of two layers are alike, chunks of three begin with one or with the other.
TEST(Decoder, ChunksAreAlikeWhenTheirLayersAre) {
  const auto kinds_of = [](int num_layers, const TestLayout& layout) {
    Job job = tiny_job(num_layers, layout);
    job.model.kinds.push_back(job.model.kinds[0]);
    std::get<Dense>(job.model.kinds[1].mlp).ffn = 160;
    for (std::size_t i = 1; i < job.model.layers.size(); i += 2) job.model.layers[i] = 1;
    std::vector<int> kinds;
    for (const PlannedChunk& chunk : build_plan(job).chunks) kinds.push_back(chunk.kind);
    return kinds;
  };
  EXPECT_EQ(kinds_of(16, {.pp = 4, .vp = 2}), (std::vector<int>{0, 1, 1, 1, 1, 1, 1, 2}));
  EXPECT_EQ(kinds_of(18, {.pp = 6}), (std::vector<int>{0, 1, 2, 1, 2, 3}));
}

TEST(Decoder, EachLayerIsBuiltAsItsKind) {
  Job job = tiny_job(4, {.pp = 2});
  job.model.kinds.push_back(job.model.kinds[0]);
  std::get<Dense>(job.model.kinds[1].mlp).ffn = 160;
  job.model.layers = {0, 1, 0, 1};
  std::vector<std::int64_t> widths;
  const Program program = build_plan(job).kinds.front();
  for (const ValueId id : states(program, StateKind::weight)) {
    if (program[id].name == std::string_view("down_proj")) widths.push_back(program.type(id).shape[1]);
  }
  EXPECT_EQ(widths, (std::vector<std::int64_t>{96, 160}));
}

TEST(Decoder, UnevenChunksHaveTheirOwnPrograms) {
  Job job = tiny_job(16, {.pp = 4, .vp = 4});
  job.model = tiny_model(14);
  job.chunks = split_layers(14, 16, LayerSplit::embedding_and_loss_as_layers).value();
  const Plan plan = build_plan(job);
  ASSERT_EQ(plan.kinds.size(), 3U);
  EXPECT_EQ(plan.kinds[0].num_layers, 0);  // the embedding alone
  EXPECT_EQ(plan.kinds[1].num_layers, 1);
  EXPECT_EQ(plan.kinds[2].num_layers, 0);  // the head alone
}

TEST(Decoder, RefusesWhatHasNoProgramByItsFeature) {
  const auto feature = [](auto&& change) -> std::string {
    Job job = tiny_job(4, {.pp = 2});
    change(job);
    try {
      build_plan(job);
    } catch (const Unsupported& unsupported) {
      return unsupported.feature();
    }
    return "";
  };
  EXPECT_EQ(feature([](Job&) {}), "");
  EXPECT_EQ(feature([](Job& job) { job.model.kinds[0].mlp = Moe{.shared = Dense{}}; }), "shared experts");
  for (const Mixer& mixer : {Mixer(Mamba2{}), Mixer(Mla{}), Mixer(SelfAndCross{}), Mixer()}) {
    EXPECT_EQ(feature([&](Job& job) { job.model.kinds[0].mixer = mixer; }), "model family");
  }
  EXPECT_EQ(feature([](Job& job) { job.model.kinds[0].mlp = {}; }), "model family");
  EXPECT_EQ(feature([](Job& job) { job.model.video = VideoShape{}; }), "model family");
  EXPECT_EQ(feature([](Job& job) { gqa_of(job.model).mask = {Mask::Kind::window, 16}; }), "sliding window");
  EXPECT_EQ(feature([](Job& job) { gqa_of(job.model).mask = {Mask::Kind::chunk, 16}; }), "chunked attention");
  EXPECT_EQ(feature([](Job& job) { gqa_of(job.model).sinks = true; }), "attention sinks");
  EXPECT_EQ(feature([](Job& job) { gqa_of(job.model).qk_norm = HeadNorm::bare; }), "query and key norm");
  EXPECT_EQ(feature([](Job& job) { dense_of(job.model).activation = Activation::gelu; }), "gated activation");
  EXPECT_EQ(feature([](Job& job) { gqa_of(job.model).rotary.reset(); }), "positions");
  EXPECT_EQ(feature([](Job& job) { gqa_of(job.model).rotary->share = 0.4; }), "partial rotary");  // 3 of 8 dims
  EXPECT_EQ(feature([](Job& job) { gqa_of(job.model).rotary->type = "yarn"; }), "rope yarn");
  EXPECT_EQ(feature([](Job& job) { job.model.kinds[0].norms.after_mlp = true; }), "norms");
  EXPECT_EQ(feature([](Job& job) { job.model.kinds[0].norms.before_mlp = false; }), "norms");
  EXPECT_EQ(feature([](Job& job) { job.model.kinds[0].residual.parallel = true; }), "parallel residual");
  EXPECT_EQ(feature([](Job& job) { job.model.kinds[0].residual.scale = 0.5; }), "residual scale");
  EXPECT_EQ(feature([](Job& job) {
              gqa_of(job.model).packed_qkv = true;
              job.task = Task::lora;
              job.lora = Lora{};
            }),
            "lora");
  EXPECT_EQ(feature([](Job& job) { job.precision = Precision::mxfp8; }), "mxfp8");
  EXPECT_EQ(feature([](Job& job) {
              LayerSpec other = job.model.kinds[0];
              std::get<Gqa>(other.mixer).kv_heads = 2;
              set_layer(job.model, 1, other);
              job.layout.tp = 8;  // two ranks for a head, and four
            }),
            "kv head copies");
}

// 8 heads and 2 key/value heads of 8 on 8 ranks: one of each, the key/value head with 3 neighbours.
TEST(Decoder, MoreRanksThanKeyValueHeadsHoldCopies) {
  Job job = tiny_job(1, {.tp = 8, .dp = 2});
  gqa_of(job.model).kv_heads = 2;
  const Plan plan = build_plan(job);
  EXPECT_EQ(plan.mesh.kv_copies, 4);
  const Program& program = plan.kinds.at(0);
  for (const ValueId weight : states(program, StateKind::weight)) {
    if (program[weight].name != std::string("qkv_proj")) {
      EXPECT_THAT(copied_rows(program, weight), IsEmpty()) << program[weight].name;
      continue;
    }
    EXPECT_EQ(program.type(weight).shape, (Shape{24, 64}));
    EXPECT_THAT(copied_rows(program, weight), ElementsAre(RowRange{.first = 8, .rows = 16}));
  }
  EXPECT_EQ(step_traffic(plan, 0).group[Group::kv_copies], (Traffic{.calls = 1, .bytes = 16 * 64 * 2}));
}

TEST(Decoder, TiedEmbeddingsAreOneWeightWithOneGradient) {
  Job job = tiny_job(2, {.tp = 2, .dp = 2});
  job.model.tied_embeddings = true;
  const Program program = build_plan(job).kinds.at(0);
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
