#include "cost/model_flops.h"

#include <gtest/gtest.h>

#include "cost/lora_share.h"
#include "job/packed_lengths.h"
#include "unit/support/layers.h"

namespace perfbench {
namespace {

constexpr auto kNemo = FlopsConvention::nemo_25_04;
constexpr auto kNewNemo = FlopsConvention::nemo_25_09;
constexpr auto kAutomodel = FlopsConvention::automodel;

ModelSpec dense(int L, int h, int n, int k, int f, int V, bool gated) {
  ModelSpec model;
  model.hidden = h;
  model.vocab = V;
  set_layers(model, {.heads = n, .kv_heads = k, .head_dim = h / n, .rotary = Rotary{}}, {.ffn = f, .gated = gated}, L);
  return model;
}

// L=2 h=8 n=4 k=2 f=16 V=10, with S=4 where nothing else is said:
//   weights   6*2*(2*64 + 2*64*2/4 + 3*8*16) = 12*(128 + 64 + 384) = 6912
//   attention 12*2*8*4 = 768        head 6*8*10 = 480
const ModelSpec kLlama = dense(2, 8, 4, 2, 16, 10, true);

double flops(const ModelSpec& model, FlopsConvention convention = kNemo, std::int64_t seq_len = 4,
             Task task = Task::pretrain, const FlopsQuirks& quirks = {}) {
  const ModelFlops counted = model_flops(model, task, seq_len, convention, quirks);
  EXPECT_EQ(counted.missing, "");
  return counted.per_token();
}

TEST(ModelFlops, CountsEachFactorOnce) {
  EXPECT_DOUBLE_EQ(flops(kLlama), 6912 + 768 + 480);
  // Without a gate the MLP has two matrices: 12*(128 + 64 + 256) = 5376
  EXPECT_DOUBLE_EQ(flops(dense(2, 8, 4, 2, 16, 10, false)), 5376 + 768 + 480);
}

TEST(ModelFlops, CountsTheCausalHalfSince2509AndInAutomodel) {
  EXPECT_DOUBLE_EQ(flops(kLlama, kNewNemo), 6912 + 384 + 480);
  EXPECT_DOUBLE_EQ(flops(kLlama, kAutomodel), 6912 + 384 + 480);
}

TEST(ModelFlops, NamesItsTerms) {
  const ModelFlops counted = model_flops(kLlama, Task::pretrain, 4, kNemo);
  ASSERT_EQ(counted.terms.size(), 4u);
  EXPECT_EQ(counted.terms[0].name, "attention projections");
  EXPECT_DOUBLE_EQ(counted.terms[0].flops, 12 * (128 + 64));
  EXPECT_EQ(counted.terms[1].name, "attention scores");
  EXPECT_DOUBLE_EQ(counted.terms[1].flops, 768);
  EXPECT_EQ(counted.terms[2].name, "dense MLP");
  EXPECT_DOUBLE_EQ(counted.terms[2].flops, 12 * 384);
  EXPECT_EQ(counted.terms[3].name, "head");
  EXPECT_DOUBLE_EQ(counted.terms[3].flops, 480);
}

TEST(ModelFlops, IsTheGpt3FormForFullHeadsAndAFourfoldMlp) {
  const double L = 96, h = 12288, V = 51200, S = 2048;
  EXPECT_DOUBLE_EQ(flops(dense(96, 12288, 96, 96, 4 * 12288, 51200, false), kNemo, 2048),
                   72 * L * h * h + 12 * L * h * S + 6 * h * V);
}

TEST(ModelFlops, TakesTheAttentionsOwnWidthWhereHeadsDoNotFillTheHiddenSize) {
  ModelSpec model = dense(1, 8, 4, 4, 16, 10, true);
  gqa_of(model).head_dim = 4;  // q = 16, twice h
  // 6*(4*8*16 + 3*8*16) + 12*16*4 + 6*8*10
  EXPECT_DOUBLE_EQ(flops(model), 6 * (512 + 384) + 768 + 480);
}

TEST(ModelFlops, FineTunesOnTheSubSequencesOfPackedSquad) {
  const double attended = 488991.0 / 2030.0;  // packs of 2048 tokens
  const double attention = 12 * 2 * 8 * attended;
  EXPECT_DOUBLE_EQ(flops(kLlama, kNemo, 2048, Task::sft), 6912 + 480 + attention);
  // Frozen weights need 4 FLOPs each; attention has none to freeze. Megatron-Bridge has the LoRA form.
  EXPECT_DOUBLE_EQ(flops(kLlama, kNemo, 2048, Task::lora), (6912 + 480) * 2.0 / 3.0 + attention);
  EXPECT_DOUBLE_EQ(flops(kLlama, kNewNemo, 2048, Task::lora), (6912 + 480) * 2.0 / 3.0 + attention);
  EXPECT_NEAR(packed_squad(4096)->attended(), 205.7, 0.05);
  EXPECT_EQ(packed_squad(16384)->attended(), packed_squad(4096)->attended());
}

TEST(ModelFlops, AutomodelScalesTheWholeByTheShareOfTrainedParameters) {
  // Adapters 16*2*(2*(8+8) + 2*(8+4) + 3*(8+16)) = 4096; frozen 2*(128 + 64 + 384) + 2*10*8 = 1312.
  EXPECT_DOUBLE_EQ(lora_share(kLlama), 4096.0 / 1312.0);
  EXPECT_DOUBLE_EQ(flops(kLlama, kAutomodel, 4, Task::lora), (6912 + 384 + 480) * (2 + 4096.0 / 1312.0) / 3);
  EXPECT_DOUBLE_EQ(flops(kLlama, kAutomodel, 4, Task::sft), 6912 + 384 + 480);
}

TEST(ModelFlops, CountsTheExpertsOfATokenWithoutTheirRouter) {
  ModelSpec model = kLlama;
  Moe moe{.experts = 7, .top_k = 2, .ffn = 6};
  model.kinds[0].mlp = moe;
  const double attention_weights = 12 * (128 + 64);
  EXPECT_DOUBLE_EQ(flops(model), attention_weights + 12 * 3 * 8 * (2 * 6) + 768 + 480);
  moe.shared = Dense{.ffn = 5};
  model.kinds[0].mlp = moe;
  EXPECT_DOUBLE_EQ(flops(model, kAutomodel), attention_weights + 12 * 3 * 8 * (2 * 6 + 5) + 384 + 480);
}

TEST(ModelFlops, CountsLatentAttentionByItsTwoStepProjections) {
  ModelSpec model = dense(1, 8, 4, 4, 16, 10, true);
  Mla mla{.heads = 4, .q_rank = 3, .kv_rank = 5, .qk_nope_dim = 2, .qk_rope_dim = 1, .v_dim = 2};
  model.kinds[0].mixer = mla;
  // query 8*3 + 3*4*3 = 60, latent 8*(5+1) = 48, key and value 5*4*(2+2) = 80, output 4*2*8 = 64
  // scores 6 * 4*(3+2) * 4/2 = 240
  const double mlp_and_head = 6 * 384 + 480;
  EXPECT_DOUBLE_EQ(flops(model, kAutomodel), 6 * (60 + 48 + 80 + 64) + 240 + mlp_and_head);
  mla.q_rank = 0;
  model.kinds[0].mixer = mla;  // query in one step: 8*4*3 = 96
  EXPECT_DOUBLE_EQ(flops(model, kNewNemo), 6 * (96 + 48 + 80 + 64) + 240 + mlp_and_head);
}

TEST(ModelFlops, CountsEveryPairInsideASlidingWindow) {
  ModelSpec model = kLlama;
  set_layer(model, 0, model.kinds[0]);
  const auto set_window = [&](std::int64_t tokens) {
    std::get<Gqa>(model.kinds[1].mixer).mask = {Mask::Kind::window, tokens};
  };
  set_window(2);
  // Of 4 tokens in a window of 2, 1 + 2 + 2 + 2 = 7 pairs; without a window 1 + 2 + 3 + 4 = 10. 12 q pairs / S each.
  EXPECT_DOUBLE_EQ(flops(model, kAutomodel), 6912 + 480 + 12 * 8 * (7 + 10) / 4.0);
  set_window(9);  // longer than the sequence
  EXPECT_DOUBLE_EQ(flops(model, kAutomodel), 6912 + 480 + 12 * 8 * (10 + 10) / 4.0);
}

TEST(ModelFlops, CountsAHybridsScanAndRouter) {
  ModelSpec model = dense(4, 8, 4, 2, 16, 10, false);
  const Mamba2 scan{.heads = 2, .groups = 1, .head_dim = 3, .state = 4, .conv_kernel = 4, .chunk = 2};
  const Moe moe{.experts = 7, .top_k = 2, .ffn = 6, .gated = false, .shared = Dense{.ffn = 5, .gated = false}};
  model.kinds = {{.mixer = scan}, {.mlp = moe}, {.mixer = gqa_of(model)}, {.mlp = dense_of(model)}};
  model.layers = {0, 1, 2, 3};
  const double mamba = 6 * (8 * (2 * 6 + 2 * 4 + 2) + 6 * 8) + 6 * 6 * 4;
  const double experts = 6 * 2 * 8 * (2 * 6 + 5) + 6 * 8 * 7;
  const double attention = 6 * (128 + 64) + 6 * 8 * 4;
  EXPECT_DOUBLE_EQ(flops(model, kAutomodel), mamba + experts + attention + 6 * 2 * 8 * 16 + 480);
  // NeMo takes the dense MLP as gated, although it is not.
  EXPECT_DOUBLE_EQ(flops(model, kNewNemo), mamba + experts + attention + 6 * 3 * 8 * 16 + 480);
}

TEST(ModelFlops, CountsVideoWithFullSelfAttentionAndSharedText) {
  ModelSpec model = dense(1, 4, 2, 2, 6, 0, false);
  model.video = VideoShape{.text_dim = 3, .text_len = 2, .freq_dim = 9, .patch_elements = 5};
  // S=8: self 4*16 + 2*8*4, cross 2*16 + 2*16*2/8 + 2*2*4, MLP 2*4*6, patches 2*5*4, text (3*4 + 16)*2/8
  EXPECT_DOUBLE_EQ(flops(model, kNewNemo, 8), 6 * (64 + 64 + 32 + 8 + 16 + 48 + 40 + 7));
}

TEST(ModelFlops, FollowsTheQuirksOfATable) {
  const auto with = [&](const FlopsQuirks& quirks) { return flops(kLlama, kNemo, 4, Task::pretrain, quirks); };
  EXPECT_DOUBLE_EQ(with({.kv_heads = 4}), 12 * (128 + 128 + 384) + 768 + 480);
  EXPECT_DOUBLE_EQ(with({.head_dim = 4}), 12 * (256 + 128 + 384) + 2 * 768 + 480);
  EXPECT_DOUBLE_EQ(with({.causal = true}), 6912 + 384 + 480);
  EXPECT_DOUBLE_EQ(with({.flops_per_token = 1.5e11}), 1.5e11);
  EXPECT_DOUBLE_EQ(flops(kLlama, kAutomodel, 4, Task::pretrain, {.causal = false}), 6912 + 768 + 480);
}

TEST(ModelFlops, SaysWhyThereIsNoForm) {
  ModelSpec experts = kLlama, mamba = kLlama, latent = kLlama, video = kLlama, windows = kLlama, bare = kLlama,
            chunks = kLlama;
  const LayerSpec plain = kLlama.kinds[0];
  set_layer(experts, 1, {.mixer = plain.mixer, .mlp = Moe{.experts = 4, .top_k = 1, .ffn = 8, .shared = Dense{8}}});
  set_layer(mamba, 0, {.mixer = Mamba2{}, .mlp = plain.mlp});
  set_layer(latent, 0, {.mixer = Mla{}, .mlp = plain.mlp});
  video.video = VideoShape{};
  gqa_of(windows).mask = {Mask::Kind::window, 2};
  set_layer(bare, 1, {.mixer = plain.mixer});
  gqa_of(chunks).mask = {Mask::Kind::chunk, 8};
  const auto why = [](const ModelSpec& model, Task task, FlopsConvention convention) {
    EXPECT_FALSE(model_flops_per_token(model, task, 4, convention).has_value());
    return model_flops(model, task, 4, convention).missing;
  };
  const std::string none = "nemo_25.04 has no form here for ";
  EXPECT_EQ(why(experts, Task::pretrain, kNemo), none + "shared experts");
  EXPECT_EQ(why(mamba, Task::pretrain, kNemo), none + "Mamba layers");
  EXPECT_EQ(why(latent, Task::pretrain, kNemo), none + "latent attention");
  EXPECT_EQ(why(video, Task::pretrain, kNemo), none + "video diffusion");
  EXPECT_EQ(why(windows, Task::pretrain, kNemo), none + "sliding windows");
  EXPECT_EQ(why(chunks, Task::pretrain, kNemo), none + "chunked attention");
  EXPECT_EQ(why(bare, Task::pretrain, kNemo), none + "layers without attention or without an MLP");
  EXPECT_EQ(why(kLlama, Task::sft, kNemo),
            none + "the task sft with packs of 4 tokens: lengths are known of 2048, 4096 and 16384");
  EXPECT_EQ(why(kLlama, Task::sft, kNewNemo), "nemo_25.09 has no form here for the task sft");
  EXPECT_EQ(why(latent, Task::lora, kAutomodel),
            "automodel has no form here for the task lora of anything but attention with dense MLPs");
  EXPECT_EQ(why(video, Task::pretrain, kAutomodel), "automodel has no form here for video diffusion");
}

}  // namespace
}  // namespace perfbench
