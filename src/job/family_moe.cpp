// Families with experts: mixtral, qwen3_moe, gpt_oss, llama4_text, deepseek_v3 and kimi_k2.
#include <algorithm>
#include <string>

#include "job/model_family.h"

namespace perfbench {
namespace {

// Weights and switches of the router's loss and scores: no size depends on them.
constexpr std::string_view kRouterKeys[] = {"output_router_logits", "router_aux_loss_coef", "router_jitter_noise",
                                            "norm_topk_prob"};

std::vector<bool> local_layers(const std::vector<std::string>& types, const std::string& local) {
  std::vector<bool> flags;
  flags.reserve(types.size());
  for (const std::string& type : types) flags.push_back(type == local);
  return flags;
}

// Every `interval`-th layer is not local, counted from 1.
std::vector<bool> all_but_every(int num_layers, std::int64_t interval) {
  std::vector<bool> flags;
  flags.reserve(static_cast<std::size_t>(num_layers));
  for (int i = 0; i < num_layers; ++i) flags.push_back((i + 1) % interval != 0);
  return flags;
}

}  // namespace

void read_mixtral(ConfigKeys& keys, ModelSpec& model) {
  const DecoderDefaults defaults{.norm_eps = 1e-5, .rope_theta = 1e6, .max_positions = 131072, .kv_heads = 8};
  const int num_layers = read_decoder(keys, defaults, model);
  keys.ignore(kRouterKeys);
  if (keys.has("sliding_window")) {
    model.sliding_window = keys.whole("sliding_window", kPositions);
    model.windowed.assign(static_cast<std::size_t>(num_layers), true);
  }
  model.moe = MoeShape{.experts = keys.count("num_local_experts", kExperts, 8),
                       .experts_per_token = keys.count("num_experts_per_tok", kExperts, 2),
                       .ffn = model.ffn};
  model.layers = uniform_layers(num_layers, Mixer::gqa, Mlp::moe);
}

void read_qwen3_moe(ConfigKeys& keys, ModelSpec& model) {
  const int num_layers = read_decoder(keys, {.max_positions = 32768, .kv_heads = 4}, model);
  read_qwen_window(keys, num_layers, model);
  keys.ignore(kRouterKeys);
  model.attention_bias = keys.flag("attention_bias", false);
  model.output_bias = model.attention_bias;
  model.qk_norm = true;  // no key says so
  model.moe = MoeShape{.experts = keys.count("num_experts", kExperts, 128),
                       .experts_per_token = keys.count("num_experts_per_tok", kExperts, 8),
                       .ffn = keys.whole("moe_intermediate_size", kSizes, 768)};
  const std::int64_t step = keys.whole("decoder_sparse_step", kLayers, 1);
  const auto dense = keys.numbers("mlp_only_layers", {0, kLayers.most});
  for (int i = 0; i < num_layers; ++i) {
    const bool is_dense = (i + 1) % step != 0 || std::find(dense.begin(), dense.end(), i) != dense.end();
    model.layers.push_back({.mixer = Mixer::gqa, .mlp = is_dense ? Mlp::dense : Mlp::moe});
  }
}

void read_gpt_oss(ConfigKeys& keys, ModelSpec& model) {
  static const std::vector<std::string> kTypes{"full_attention", "sliding_attention"};
  static constexpr std::string_view kUnused[] = {"swiglu_limit",        "initial_context_length", "experts_per_token",
                                                 "rope_scaling_factor", "rope_ntk_alpha",         "rope_ntk_beta"};
  const DecoderDefaults defaults{
      .norm_eps = 1e-5, .rope_theta = 150000.0, .max_positions = 131072, .kv_heads = 8, .head_dim = 64};
  const int num_layers = read_decoder(keys, defaults, model);
  keys.ignore(kRouterKeys);
  keys.ignore(kUnused);
  model.attention_bias = keys.flag("attention_bias", true);
  model.output_bias = model.attention_bias;
  model.mlp_bias = true;  // of the router and the experts; no key says so
  model.sliding_window = keys.whole("sliding_window", kPositions, 128);
  const auto types = keys.layer_words("layer_types", num_layers, kTypes);
  model.windowed = types.empty() ? all_but_every(num_layers, 2) : local_layers(types, kTypes[1]);
  model.moe = MoeShape{.experts = keys.count("num_local_experts", kExperts, 128),
                       .experts_per_token = keys.count("num_experts_per_tok", kExperts, 4),
                       .ffn = model.ffn};
  model.layers = uniform_layers(num_layers, Mixer::gqa, Mlp::moe);
}

void read_llama4(ConfigKeys& keys, ModelSpec& model) {
  static const std::vector<std::string> kTypes{"full_attention", "chunked_attention"};
  static constexpr std::string_view kUnused[] = {"attn_temperature_tuning", "floor_scale", "attn_scale",
                                                 "for_llm_compressor"};
  const DecoderDefaults defaults{
      .norm_eps = 1e-5, .rope_theta = 500000.0, .max_positions = 131072, .kv_heads = 8, .head_dim = 128};
  const int num_layers = read_decoder(keys, defaults, model);
  keys.ignore(kRouterKeys);
  keys.ignore(kUnused);
  model.attention_bias = keys.flag("attention_bias", false);
  model.output_bias = model.attention_bias;
  model.qk_norm = keys.flag("use_qk_norm", true);
  model.moe = MoeShape{.experts = keys.count("num_local_experts", kExperts, 16),
                       .experts_per_token = keys.count("num_experts_per_tok", kExperts, 1),
                       .ffn = model.ffn,
                       .shared_ffn = model.ffn};  // one shared expert as wide as a routed one; no key says so
  model.ffn = keys.whole("intermediate_size_mlp", kSizes, 16384);

  // Layers without rotary positions see everything; the others see their chunk.
  model.attention_chunk = keys.whole("attention_chunk_size", kPositions, 8192);
  model.windowed = all_but_every(num_layers, keys.whole("no_rope_layer_interval", kLayers, 4));
  const auto rotated = keys.numbers("no_rope_layers", {0, 1});
  if (!rotated.empty() && std::ssize(rotated) != num_layers) {
    keys.problem("no_rope_layers", "must have one entry per layer");
  } else if (!rotated.empty()) {
    model.windowed.assign(rotated.begin(), rotated.end());
  }
  const auto types = keys.layer_words("layer_types", num_layers, kTypes);
  if (!types.empty()) model.windowed = local_layers(types, kTypes[1]);

  const std::int64_t step = keys.whole("interleave_moe_layer_step", kLayers, 1);
  const bool listed = keys.has("moe_layers");
  const auto moe_layers = keys.numbers("moe_layers", {0, kLayers.most});
  for (int i = 0; i < num_layers; ++i) {
    const bool in_list = std::find(moe_layers.begin(), moe_layers.end(), i) != moe_layers.end();
    const bool is_moe = listed ? in_list : (i + 1) % step == 0;
    model.layers.push_back({.mixer = Mixer::gqa, .mlp = is_moe ? Mlp::moe : Mlp::dense});
  }
}

void read_deepseek(ConfigKeys& keys, ModelSpec& model) {
  // num_nextn_predict_layers: the published rows train without multi-token prediction.
  static constexpr std::string_view kUnused[] = {"aux_loss_alpha",
                                                 "seq_aux",
                                                 "ep_size",
                                                 "n_group",
                                                 "topk_group",
                                                 "topk_method",
                                                 "scoring_func",
                                                 "routed_scaling_factor",
                                                 "num_nextn_predict_layers",
                                                 "rope_interleave",
                                                 "qk_head_dim"};
  const int num_layers = read_decoder(keys, {.max_positions = 4096, .head_dim = 192}, model);
  keys.ignore(kRouterKeys);
  keys.ignore(kUnused);
  model.attention_bias = keys.flag("attention_bias", false);
  model.output_bias = model.attention_bias;
  const Json* q_rank = keys.any("q_lora_rank");  // null: q is projected in one step
  model.mla = MlaShape{.q_rank = q_rank != nullptr && q_rank->is_null() ? 0 : keys.whole("q_lora_rank", kSizes, 1536),
                       .kv_rank = keys.whole("kv_lora_rank", kSizes, 512),
                       .qk_nope_dim = keys.whole("qk_nope_head_dim", kSizes, 128),
                       .qk_rope_dim = keys.whole("qk_rope_head_dim", kSizes, 64),
                       .v_dim = keys.whole("v_head_dim", kSizes, 128)};
  model.head_dim = model.mla->qk_nope_dim + model.mla->qk_rope_dim;
  model.kv_heads = model.heads;
  model.rotary_share = static_cast<double>(model.mla->qk_rope_dim) / static_cast<double>(model.head_dim);
  const std::int64_t ffn = keys.whole("moe_intermediate_size", kSizes, 2048);
  model.moe = MoeShape{.experts = keys.count("n_routed_experts", kExperts, 256),
                       .experts_per_token = keys.count("num_experts_per_tok", kExperts, 8),
                       .ffn = ffn,
                       .shared_ffn = ffn * keys.whole("n_shared_experts", {0, 64}, 1)};
  const std::int64_t first = keys.whole("first_k_dense_replace", {0, kLayers.most}, 3);
  const std::int64_t step = keys.whole("moe_layer_freq", kLayers, 1);
  for (int i = 0; i < num_layers; ++i) {
    const bool is_moe = i >= first && i % step == 0;
    model.layers.push_back({.mixer = Mixer::mla, .mlp = is_moe ? Mlp::moe : Mlp::dense});
  }
}

}  // namespace perfbench
