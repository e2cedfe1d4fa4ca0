#include "job/model_spec.h"

#include <gtest/gtest.h>

#include "base/json.h"
#include "job/catalog.h"
#include "job/model_family.h"
#include "unit/job/spec_files.h"
#include "unit/support/layers.h"

namespace perfbench {
namespace {

using ModelFiles = TemporaryFolder;

ModelSpec repository_model(const std::string& name) { return read_model(kDataFolder / "models" / name); }

// A small file of the llama family that leaves out all that has a default.
constexpr const char* kTinyLlama = R"({
  "model_type": "llama", "hidden_size": 64, "intermediate_size": 160, "num_hidden_layers": 2,
  "num_attention_heads": 4, "vocab_size": 256
})";

// Each file states its count; the shapes must give the same.
TEST(ModelSpec, EveryModelLoadsAndHasItsSize) {
  const Catalog catalog(kDataFolder);
  EXPECT_EQ(catalog.model_names().size(), 31u);
  for (const std::string& name : catalog.model_names()) {
    const Json config = read_json(kDataFolder / "models" / name / "config.json");
    const Json* params = config.find("_params");
    ASSERT_NE(params, nullptr) << name << " has no _params";
    const ModelSpec model = repository_model(name);
    EXPECT_EQ(model.name, name);
    EXPECT_FALSE(model.source.empty()) << name;
    EXPECT_EQ(matmul_and_embedding_params(model), params->integer()) << name;
  }
}

TEST(ModelSpec, EveryFamilyIsKnownByItsType) {
  EXPECT_EQ(model_families().size(), 13u);
  for (const char* name : {"gpt3_175b", "nemotron4_15b", "kimi_k2", "qwen2p5_7b", "wan2p1_14b"}) {
    const std::string family = repository_model(name).family;
    EXPECT_TRUE(std::any_of(model_families().begin(), model_families().end(), [&](const ModelFamily& known) {
      return known.model_type == family;
    })) << name;
  }
}

TEST(ModelSpec, Llama70b) {
  const ModelSpec model = repository_model("llama3_70b");
  EXPECT_EQ(model.family, "llama");
  EXPECT_EQ(model.num_layers(), 80);
  EXPECT_EQ(model.kinds, (std::vector<LayerSpec>{
                             {.mixer = Gqa{.heads = 64, .kv_heads = 8, .head_dim = 128, .rotary = Rotary{.theta = 5e5}},
                              .mlp = Dense{.ffn = 28672}}}));
  EXPECT_FALSE(model.tied_embeddings);
}

TEST(ModelSpec, Gpt3IsGpt2WithLearnedPositions) {
  const ModelSpec model = repository_model("gpt3_175b");
  const Gqa& gqa = gqa_at(model, 0);
  EXPECT_TRUE(model.learned_positions && model.tied_embeddings);
  EXPECT_EQ(model.norm, Norm::layer);
  EXPECT_EQ(model.max_positions, 2048);
  EXPECT_TRUE(gqa.bias && gqa.out_bias && gqa.packed_qkv);
  EXPECT_FALSE(gqa.rotary);
  EXPECT_EQ(dense_at(model, 0),
            (Dense{.ffn = 4 * 12288, .activation = Activation::gelu, .gated = false, .bias = true}));
}

TEST(ModelSpec, NemotronRotatesHalfOfEachHead) {
  const ModelSpec model = repository_model("nemotron4_340b");
  EXPECT_EQ(model.norm, Norm::layer1p);
  EXPECT_EQ(dense_at(model, 0).activation, Activation::relu2);
  EXPECT_EQ(gqa_at(model, 0).rotary->share, 0.5);
  EXPECT_EQ(gqa_at(model, 0).head_dim, 192);
}

TEST(ModelSpec, DeepSeekHasThreeDenseLayers) {
  const ModelSpec model = repository_model("deepseek_v3");
  EXPECT_EQ(model.kinds.size(), 2U);
  EXPECT_TRUE(std::holds_alternative<Dense>(model.layer(2).mlp));
  EXPECT_EQ(model.num_layers(), 61);
  EXPECT_EQ(moe_at(model, 3).shared->ffn, 2048);
  const Mla& mla = std::get<Mla>(model.layer(3).mixer);
  EXPECT_EQ(mla.qk_nope_dim + mla.qk_rope_dim, 128 + 64);
}

TEST(ModelSpec, GptOssAlternatesFromASlidingLayer) {
  const ModelSpec model = repository_model("gptoss_20b");
  EXPECT_EQ(gqa_at(model, 0).mask, (Mask{Mask::Kind::window, 128}));
  EXPECT_EQ(gqa_at(model, 1).mask, Mask{});
  EXPECT_EQ(gqa_at(model, 0).head_dim, 64);  // not hidden / heads
  EXPECT_TRUE(gqa_at(model, 0).sinks);
  EXPECT_EQ(model.kinds.size(), 2U);
}

TEST(ModelSpec, MaverickHasExpertsInEverySecondLayer) {
  const ModelSpec model = repository_model("llama4_maverick");
  EXPECT_EQ(dense_at(model, 0).ffn, 16384);
  EXPECT_EQ(moe_at(model, 1).ffn, 8192);
  EXPECT_EQ(moe_at(model, 1).shared->ffn, 8192);
  EXPECT_EQ(gqa_at(model, 2).mask, (Mask{Mask::Kind::chunk, 8192}));
  EXPECT_TRUE(gqa_at(model, 2).rotary);
  EXPECT_EQ(gqa_at(model, 3).mask, Mask{});
  EXPECT_FALSE(gqa_at(model, 3).rotary);
  EXPECT_TRUE(std::holds_alternative<Moe>(repository_model("llama4_scout").layer(0).mlp));
}

TEST(ModelSpec, NemotronHFollowsItsPattern) {
  const ModelSpec model = repository_model("nemotron3_nano_30b");  // MEMEM*E...
  const auto& mamba = std::get<Mamba2>(model.layer(0).mixer);
  EXPECT_EQ(mamba.heads * mamba.head_dim, 4096);
  EXPECT_TRUE(std::holds_alternative<std::monostate>(model.layer(0).mlp));
  EXPECT_TRUE(std::holds_alternative<std::monostate>(model.layer(1).mixer));
  EXPECT_GT(moe_at(model, 1).experts, 0);
  EXPECT_FALSE(gqa_at(model, 5).rotary);
  EXPECT_FALSE(model.learned_positions);
  EXPECT_EQ(model.kinds.size(), 3U);
  const ModelSpec dense = repository_model("nemotron5h_56b");
  EXPECT_FALSE(dense_at(dense, 1).gated);
  EXPECT_FALSE(has_mlp<Moe>(dense));
}

TEST(ModelSpec, WanHasNoVocabulary) {
  const ModelSpec model = repository_model("wan2p1_14b");
  EXPECT_EQ(model.family, "wan");
  EXPECT_EQ(model.vocab, 0);
  EXPECT_EQ(model.hidden, 5120);
  EXPECT_EQ(std::get<SelfAndCross>(model.layer(0).mixer).heads, 40);
  EXPECT_FALSE(dense_at(model, 0).gated);
  EXPECT_EQ(model.video->patch_elements, 16 * 1 * 2 * 2);
  EXPECT_EQ(model.video->text_len, 512);
}

TEST_F(ModelFiles, MissingKeysTakeTheFamilysDefaults) {
  const ModelSpec model = read_model(write("tiny/config.json", kTinyLlama));
  EXPECT_EQ(model.name, "tiny");
  EXPECT_EQ(model.source, (folder_ / "tiny/config.json").string());
  EXPECT_EQ(gqa_at(model, 0).kv_heads, 4);
  EXPECT_EQ(gqa_at(model, 0).head_dim, 16);
  EXPECT_EQ(model.norm_eps, 1e-6);
  EXPECT_EQ(gqa_at(model, 0).rotary->theta, 10000.0);
  EXPECT_FALSE(model.tied_embeddings);
  // 2 x 256 x 64 embeddings, per layer 4 x 64 x 64 attention and 3 x 64 x 160 MLP
  EXPECT_EQ(matmul_and_embedding_params(model), 2 * 256 * 64 + 2 * (4 * 64 * 64 + 3 * 64 * 160));
}

TEST_F(ModelFiles, TiedEmbeddingsCountOnce) {
  const std::string text = replaced(kTinyLlama, "\"vocab_size\"", "\"tie_word_embeddings\": true, \"vocab_size\"");
  EXPECT_EQ(matmul_and_embedding_params(read_model(write("config.json", text))),
            256 * 64 + 2 * (4 * 64 * 64 + 3 * 64 * 160));
}

TEST_F(ModelFiles, RopeThetaInsideRopeParameters) {
  const std::string text =
      replaced(kTinyLlama, "\"vocab_size\"", R"("rope_parameters": {"rope_theta": 5e5}, "vocab_size")");
  EXPECT_EQ(gqa_at(read_model(write("config.json", text)), 0).rotary->theta, 5e5);
}

// As Llama 3.1's files have it; each of its numbers is needed.
TEST_F(ModelFiles, RopeScalingOfLlama31) {
  const std::string scaling = R"("rope_scaling": {"factor": 8.0, "high_freq_factor": 4.0, "low_freq_factor": 1.0,
    "original_max_position_embeddings": 8192, "rope_type": "llama3"}, "vocab_size")";
  const ModelSpec model = read_model(write("config.json", replaced(kTinyLlama, "\"vocab_size\"", scaling)));
  EXPECT_EQ(gqa_at(model, 0).rotary, (Rotary{.type = "llama3", .scaling = {.factor = 8.0}}));
  const std::string without = replaced(scaling, "\"factor\": 8.0, ", "");
  EXPECT_THROW(read_model(write("config.json", replaced(kTinyLlama, "\"vocab_size\"", without))), InputError);
}

TEST_F(ModelFiles, KeysOfDownloadedFilesAreIgnored) {
  const std::string text = replaced(kTinyLlama, "\"vocab_size\"", R"("architectures": ["LlamaForCausalLM"],
    "bos_token_id": 128000, "eos_token_id": [128001, 128008], "pretraining_tp": 1, "use_cache": true,
    "rope_scaling": null, "torch_dtype": "bfloat16",
    "transformers_version": "4.42.3", "quantization_config": {"quant_method": "fp8"}, "vocab_size")");
  EXPECT_EQ(read_model(write("config.json", text)).vocab, 256);
}

TEST_F(ModelFiles, QwenWindowsOnlyWhenItIsSwitchedOn) {
  const std::string text = R"({"model_type": "qwen2", "hidden_size": 64, "intermediate_size": 128, "vocab_size": 256,
    "num_hidden_layers": 4, "num_attention_heads": 4, "num_key_value_heads": 2, "sliding_window": 32,
    "max_window_layers": 3, "use_sliding_window": false})";
  const ModelSpec off = read_model(write("config.json", text));
  EXPECT_TRUE(gqa_at(off, 0).bias);
  EXPECT_FALSE(gqa_at(off, 0).out_bias);
  EXPECT_EQ(off.kinds.size(), 1U);
  const ModelSpec on = read_model(write("config.json", replaced(text, "false", "true")));
  EXPECT_EQ(on.layers, (std::vector<int>{0, 0, 0, 1}));
  EXPECT_EQ(gqa_at(on, 0).mask, Mask{});
  EXPECT_EQ(gqa_at(on, 3).mask, (Mask{Mask::Kind::window, 32}));
}

constexpr const char* kTinyGpt2 = R"({
  "model_type": "gpt2", "n_embd": 64, "n_layer": 2, "n_head": 4, "vocab_size": 256, "activation_function": "gelu_new"
})";

// transformers computes the first three by erf, the others by tanh.
TEST_F(ModelFiles, WordsOfTheTwoFormsOfGelu) {
  const auto activation = [&](const std::string& word) {
    const ModelSpec model = read_model(write("config.json", replaced(kTinyGpt2, "gelu_new", word)));
    return dense_at(model, 0).activation;
  };
  for (const char* word : {"gelu", "gelu_python"}) EXPECT_EQ(activation(word), Activation::gelu) << word;
  for (const char* word : {"gelu_new", "gelu_fast", "gelu_accurate", "gelu_pytorch_tanh", "gelu_python_tanh"}) {
    EXPECT_EQ(activation(word), Activation::gelu_tanh) << word;
  }
  EXPECT_EQ(activation("silu"), Activation::silu);
}

TEST_F(ModelFiles, SwitchesOfGpt2ThatMakeAnotherModel) {
  const auto with = [&](const std::string& key) {
    const auto path = write("config.json", replaced(kTinyGpt2, "\"vocab_size\"", "\"" + key + ", \"vocab_size\""));
    return refusal([&] { read_model(path); });
  };
  EXPECT_EQ(with("scale_attn_weights\": true"), "");
  EXPECT_PRED2(says, with("scale_attn_weights\": false"), "scale_attn_weights: is false, which no Program stands for");
  EXPECT_PRED2(says, with("scale_attn_by_inverse_layer_idx\": true"), "is true, which no Program stands for");
  EXPECT_PRED2(says, with("add_cross_attention\": true"), "add_cross_attention: is true");
}

// By itself in older files; inside rope_parameters since version 5 of transformers.
TEST_F(ModelFiles, NemotronsRotaryShare) {
  const std::string text = replaced(kTinyLlama, "\"llama\"", "\"nemotron\"");
  const auto share = [&](const std::string& keys) {
    const auto path = write("config.json", replaced(text, "\"vocab_size\"", keys + "\"vocab_size\""));
    return gqa_at(read_model(path), 0).rotary->share;
  };
  EXPECT_EQ(share(""), 0.5);
  EXPECT_EQ(share("\"partial_rotary_factor\": 0.25, "), 0.25);
  EXPECT_EQ(share("\"rope_parameters\": {\"partial_rotary_factor\": 0.75}, "), 0.75);
}

TEST_F(ModelFiles, AllProblemsAtOnce) {
  std::string text = replaced(kTinyLlama, "\"hidden_size\": 64", "\"hidden_size\": -64");
  text = replaced(text, "\"num_attention_heads\"", "\"num_attention_head\"");
  text = replaced(text, "\"vocab_size\": 256", "\"vocab_size\": \"256\", \"hidden_act\": \"silo\", \"mlp_bias\": 0");
  const auto path = write("config.json", text);
  const std::string message = refusal([&] { read_model(path); });
  EXPECT_PRED2(says, message, path.string() + ": hidden_size: is -64, but must be a whole number from 1 to 1048576");
  EXPECT_PRED2(says, message, "num_attention_heads: is missing");
  EXPECT_PRED2(says, message, "did you mean num_attention_heads");
  EXPECT_PRED2(says, message, "vocab_size: is \"256\", but must be a whole number");
  EXPECT_PRED2(says, message, "hidden_act: \"silo\" is unknown");
  EXPECT_PRED2(says, message, "did you mean silu");
  EXPECT_PRED2(says, message, "mlp_bias: is 0, but must be true or false");
  EXPECT_EQ(count_of(message, "perfbench: error:"), 6u);
}

TEST_F(ModelFiles, SizesThatDontGoTogether) {
  const auto file = [&](const char* keys) {
    return write("config.json", replaced(kTinyLlama, "\"vocab_size\"", std::string(keys) + "\"vocab_size\""));
  };
  EXPECT_PRED2(says, refusal([&] { read_model(file("\"num_key_value_heads\": 3, ")); }),
               "num_key_value_heads: is 3, which does not divide num_attention_heads 4");
  const auto odd = write("config.json", replaced(kTinyLlama, "\"hidden_size\": 64", "\"hidden_size\": 66"));
  EXPECT_PRED2(says, refusal([&] { read_model(odd); }), "hidden_size 66 is no multiple of num_attention_heads 4");
}

TEST_F(ModelFiles, OfARouterSaysWhatIsNotComputed) {
  const std::string text = replaced(replaced(kTinyLlama, "\"llama\"", "\"mixtral\""), "\"vocab_size\"",
                                    "\"num_key_value_heads\": 2, \"output_router_logits\": true, "
                                    "\"router_jitter_noise\": 0.1, \"num_experts\": 4, \"num_local_experts\": 8, "
                                    "\"vocab_size\"");
  const std::string message = refusal([&] { read_model(write("noise/config.json", text)); });
  EXPECT_PRED2(says, message, "output_router_logits: is true: the router's balancing loss is not computed");
  EXPECT_PRED2(says, message, "router_jitter_noise: is not 0");
  EXPECT_PRED2(says, message, "num_local_experts: and num_experts differ");
}

// save_pretrained writes num_local_experts for families whose configuration has num_experts.
TEST_F(ModelFiles, ExpertsAreCountedByEitherKey) {
  const std::string text = replaced(replaced(kTinyLlama, "\"llama\"", "\"qwen3_moe\""), "\"vocab_size\"",
                                    "\"num_key_value_heads\": 2, \"num_local_experts\": 12, "
                                    "\"norm_topk_prob\": true, \"vocab_size\"");
  const ModelSpec model = read_model(write("either/config.json", text));
  EXPECT_EQ(moe_at(model, 0).experts, 12);
  EXPECT_TRUE(moe_at(model, 0).normalised);
  const auto plain = write("plain/config.json", replaced(text, "\"norm_topk_prob\": true, ", ""));
  EXPECT_FALSE(moe_at(read_model(plain), 0).normalised);
}

TEST_F(ModelFiles, MoreExpertsPerTokenThanExperts) {
  const std::string text = replaced(replaced(kTinyLlama, "\"llama\"", "\"mixtral\""), "\"vocab_size\"",
                                    "\"num_key_value_heads\": 2, \"num_experts_per_tok\": 9, \"vocab_size\"");
  const auto path = write("config.json", text);
  EXPECT_PRED2(says, refusal([&] { read_model(path); }), "num_experts_per_tok: is 9, but there are only 8 experts");
}

TEST_F(ModelFiles, APatternOfTheWrongLength) {
  const std::string good = R"({"model_type": "nemotron_h", "hidden_size": 64, "intermediate_size": 128,
    "vocab_size": 256, "num_hidden_layers": 3, "num_attention_heads": 8, "hybrid_override_pattern": "M-*"})";
  EXPECT_EQ(read_model(write("config.json", good)).num_layers(), 3);
  const auto shorter = write("short/config.json", replaced(good, "M-*", "M-"));
  EXPECT_PRED2(says, refusal([&] { read_model(shorter); }), "has 2 letters for 3 layers");
  const auto unknown = write("unknown/config.json", replaced(good, "M-*", "M-X"));
  EXPECT_PRED2(says, refusal([&] { read_model(unknown); }), "hybrid_override_pattern: has an unknown letter");
  const auto experts = write("experts/config.json", replaced(good, "M-*", "M-E"));
  EXPECT_PRED2(says, refusal([&] { read_model(experts); }), "n_routed_experts: is missing");
}

TEST_F(ModelFiles, AnUnknownFamilyIsUnsupported) {
  const auto path = write("config.json", replaced(kTinyLlama, "\"llama\"", "\"mamba\""));
  try {
    read_model(path);
    FAIL() << "no exception";
  } catch (const Unsupported& error) {
    EXPECT_EQ(error.feature(), "model");
    EXPECT_PRED2(says, std::string(error.what()), "model_type \"mamba\" is unknown; known families: llama, gpt2");
  }
  const auto image = write("config.json", R"({"_class_name": "FluxTransformer2DModel"})");
  EXPECT_THROW(read_model(image), Unsupported);
}

TEST_F(ModelFiles, AMultimodalFileSaysWhatToDo) {
  const auto path = write("config.json", R"({"model_type": "llama4", "text_config": {}, "vision_config": {}})");
  EXPECT_PRED2(says, refusal([&] { read_model(path); }),
               "save the object under text_config as a config.json of its own");
}

TEST_F(ModelFiles, BrokenFiles) {
  const auto broken = write("config.json", "{\n  \"model_type\": \"llama\",\n  \"hidden_size\": 64,,\n}");
  EXPECT_PRED2(says, refusal([&] { read_model(broken); }), broken.string() + ":3:");
  const auto empty = write("empty.json", "");
  EXPECT_PRED2(says, refusal([&] { read_model(empty); }), "empty.json");
  const auto list = write("list.json", "[]");
  EXPECT_PRED2(says, refusal([&] { read_model(list); }), "must be a JSON object");
  const auto untyped = write("untyped.json", R"({"hidden_size": 64})");
  EXPECT_PRED2(says, refusal([&] { read_model(untyped); }), "model_type: is missing");
  EXPECT_PRED2(says, refusal([&] { read_model(folder_ / "absent.json"); }), "absent.json");
  std::filesystem::create_directories(folder_ / "bare");
  EXPECT_PRED2(says, refusal([&] { read_model(folder_ / "bare"); }), "the folder holds no config.json");
}

}  // namespace
}  // namespace perfbench
