#include "models/names.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "models/programs.h"
#include "unit/support/jobs.h"

namespace perfbench {
namespace {

std::vector<std::string> tensors_of(const Job& job) {
  const Plan plan = build_plan(job);
  std::vector<std::string> tensors;
  for (const Piece& piece : plan.kinds.front().sources) tensors.push_back(piece.tensor);
  return tensors;
}

TEST(Names, OfLlamaAreThoseOfEveryFamilyWithoutItsOwn) {
  ModelSpec qwen3 = tiny_model(1), gpt2 = tiny_model(1);
  qwen3.family = "qwen3", gpt2.family = "gpt2";
  EXPECT_EQ(&names_of(tiny_model(1)), &names_of(qwen3));
  EXPECT_NE(&names_of(tiny_model(1)), &names_of(gpt2));
  EXPECT_EQ(
      tensors_of(tiny_job(1, {})),
      (std::vector<std::string>{"model.embed_tokens.weight", "model.layers.{}.input_layernorm.weight",
                                "model.layers.{}.self_attn.q_proj.weight", "model.layers.{}.self_attn.k_proj.weight",
                                "model.layers.{}.self_attn.v_proj.weight", "model.layers.{}.self_attn.o_proj.weight",
                                "model.layers.{}.post_attention_layernorm.weight",
                                "model.layers.{}.mlp.gate_proj.weight", "model.layers.{}.mlp.up_proj.weight",
                                "model.layers.{}.mlp.down_proj.weight", "lm_head.weight", "model.norm.weight"}));
}

TEST(Names, OfAdaptersArePefts) {
  Job job = tiny_job(1, {});
  job.task = Task::lora;
  job.lora = Lora{.rank = 4, .alpha = 8.0, .targets = {"qkv_proj", "down_proj"}};
  std::vector<std::string> adapters = tensors_of(job);
  std::erase_if(adapters, [](const std::string& tensor) { return !tensor.starts_with("base_model."); });
  const std::string layer = "base_model.model.model.layers.{}.";
  EXPECT_EQ(adapters, (std::vector<std::string>{
                          layer + "self_attn.qkv_proj.lora_A.weight", layer + "self_attn.qkv_proj.lora_B.weight",
                          layer + "self_attn.qkv_proj.lora_B.weight", layer + "self_attn.qkv_proj.lora_B.weight",
                          layer + "mlp.down_proj.lora_A.weight", layer + "mlp.down_proj.lora_B.weight"}));
}

}  // namespace
}  // namespace perfbench
