#include "cost/model_flops.h"

#include <gtest/gtest.h>

namespace perfbench {
namespace {

constexpr auto kNemo = FlopsConvention::nemo_25_04;

ModelSpec dense(int L, int h, int n, int k, int f, int V, bool gated) {
  ModelSpec model;
  model.hidden = h;
  model.ffn = f;
  model.heads = n;
  model.kv_heads = k;
  model.head_dim = h / n;
  model.vocab = V;
  model.gated = gated;
  model.layers.resize(static_cast<std::size_t>(L));
  return model;
}

double flops(const ModelSpec& model, std::int64_t seq_len) {
  return model_flops_per_token(model, Task::pretrain, seq_len, kNemo).value();
}

TEST(ModelFlops, CountsEachFactorOnce) {
  // L=2 h=8 n=4 k=2 f=16 V=10 S=4
  // weights   6*2*(2*64 + 2*64*2/4 + 3*8*16) = 12*(128 + 64 + 384) = 6912
  // attention 12*2*8*4 = 768        head 6*8*10 = 480
  EXPECT_DOUBLE_EQ(flops(dense(2, 8, 4, 2, 16, 10, true), 4), 6912 + 768 + 480);
  // Without a gate the MLP has two matrices: 12*(128 + 64 + 256) = 5376
  EXPECT_DOUBLE_EQ(flops(dense(2, 8, 4, 2, 16, 10, false), 4), 5376 + 768 + 480);
}

TEST(ModelFlops, IsTheGpt3FormForFullHeadsAndAFourfoldMlp) {
  const double L = 96, h = 12288, V = 51200, S = 2048;
  EXPECT_DOUBLE_EQ(flops(dense(96, 12288, 96, 96, 4 * 12288, 51200, false), 2048),
                   72 * L * h * h + 12 * L * h * S + 6 * h * V);
}

TEST(ModelFlops, TakesTheAttentionsOwnWidthWhereHeadsDoNotFillTheHiddenSize) {
  ModelSpec model = dense(1, 8, 4, 4, 16, 10, true);
  model.head_dim = 4;  // q = 16, twice h
  // 6*(4*8*16 + 3*8*16) + 12*16*4 + 6*8*10
  EXPECT_DOUBLE_EQ(flops(model, 4), 6 * (512 + 384) + 768 + 480);
}

TEST(ModelFlops, HasNoFormBeyondDensePretraining) {
  const ModelSpec llama = dense(2, 8, 4, 2, 16, 10, true);
  ModelSpec experts = llama, mamba = llama, latent = llama, video = llama, windows = llama, bare = llama;
  experts.layers[1].mlp = Mlp::moe;
  mamba.layers[0].mixer = Mixer::mamba2;
  latent.layers[0].mixer = Mixer::mla;
  video.video = VideoShape{};
  windows.windowed = {true, false};
  bare.layers[1].mlp = Mlp::none;
  const auto why = [](const ModelSpec& model, Task task) {
    EXPECT_FALSE(model_flops_per_token(model, task, 4, kNemo).has_value());
    return missing_flops_form(model, task, kNemo);
  };
  EXPECT_EQ(why(llama, Task::sft), "nemo_25.04 has no form here for the task sft");
  EXPECT_EQ(why(llama, Task::lora), "nemo_25.04 has no form here for the task lora");
  EXPECT_EQ(why(experts, Task::pretrain), "nemo_25.04 has no form here for experts");
  EXPECT_EQ(why(mamba, Task::pretrain), "nemo_25.04 has no form here for Mamba layers");
  EXPECT_EQ(why(latent, Task::pretrain), "nemo_25.04 has no form here for latent attention");
  EXPECT_EQ(why(video, Task::pretrain), "nemo_25.04 has no form here for video diffusion");
  EXPECT_EQ(why(windows, Task::pretrain), "nemo_25.04 has no form here for sliding windows");
  EXPECT_EQ(why(bare, Task::pretrain), "nemo_25.04 has no form here for layers other than attention with a dense MLP");
  EXPECT_EQ(missing_flops_form(llama, Task::pretrain, kNemo), "");
}

}  // namespace
}  // namespace perfbench
