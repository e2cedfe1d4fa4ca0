// Families with experts: mixtral, qwen3_moe, gpt_oss, llama4_text, deepseek_v3 and kimi_k2.
#include <fmt/core.h>

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

// Of a softmax over all experts and the largest of it. The balancing loss is not computed: a file that adds it to the
// loss, or noise to what the router sees, asks for more than there is.
void read_softmax_router(ConfigKeys& keys) {
  static constexpr std::string_view kUnused[] = {"router_aux_loss_coef"};  // of the loss that is not computed
  keys.ignore(kUnused);
  if (keys.flag("output_router_logits", false)) {
    keys.problem("output_router_logits", "is true: the router's balancing loss is not computed", "use false");
  }
  const Json* jitter = keys.any("router_jitter_noise");
  if (jitter != nullptr && !jitter->is_null() && jitter->number() != 0.0) {
    keys.problem("router_jitter_noise", "is not 0: a router with noise is not supported", "use 0.0");
  }
}

// How many experts there are; transformers writes either key, of whichever it was given.
int read_num_experts(ConfigKeys& keys, std::string_view key, std::string_view alias, int fallback) {
  const bool both = keys.has(key) && keys.has(alias);
  const int experts = keys.count(keys.has(alias) ? alias : key, kExperts, fallback);
  if (both && keys.count(key, kExperts, fallback) != experts) {
    keys.problem(key, fmt::format("and {} differ", alias), "leave one of them out");
  }
  return experts;
}

// Routed experts that are as the family's MLP is but for their width.
Moe experts_like(const Dense& mlp) { return {.ffn = mlp.ffn, .activation = mlp.activation, .gated = mlp.gated}; }

}  // namespace

void read_mixtral(ConfigKeys& keys, ModelSpec& model) {
  const DecoderDefaults defaults{.norm_eps = 1e-5, .rope_theta = 1e6, .max_positions = 131072, .kv_heads = 8};
  auto [num_layers, gqa, mlp] = read_decoder(keys, defaults, model);
  read_softmax_router(keys);
  if (keys.has("sliding_window")) {
    gqa.mask = {.kind = Mask::Kind::window, .tokens = keys.whole("sliding_window", kPositions)};
  }
  Moe moe = experts_like(mlp);
  moe.experts = read_num_experts(keys, "num_local_experts", "num_experts", 8);
  moe.top_k = keys.count("num_experts_per_tok", kExperts, 2);
  moe.normalised = true;  // no key says so
  add_layers(model, {.mixer = gqa, .mlp = moe}, num_layers);
}

void read_qwen3_moe(ConfigKeys& keys, ModelSpec& model) {
  auto [num_layers, gqa, mlp] = read_decoder(keys, {.max_positions = 32768, .kv_heads = 4}, model);
  const std::vector<Mask> masks = read_qwen_masks(keys, num_layers);
  read_softmax_router(keys);
  gqa.bias = gqa.out_bias = keys.flag("attention_bias", false);
  gqa.qk_norm = HeadNorm::per_head;  // no key says so
  Moe moe = experts_like(mlp);
  moe.experts = read_num_experts(keys, "num_experts", "num_local_experts", 128);
  moe.top_k = keys.count("num_experts_per_tok", kExperts, 8);
  moe.normalised = keys.flag("norm_topk_prob", false);
  moe.ffn = keys.whole("moe_intermediate_size", kSizes, 768);
  const std::int64_t step = keys.whole("decoder_sparse_step", kLayers, 1);
  const auto dense = keys.numbers("mlp_only_layers", {0, kLayers.most});
  for (int i = 0; i < num_layers; ++i) {
    const bool is_dense = (i + 1) % step != 0 || std::find(dense.begin(), dense.end(), i) != dense.end();
    gqa.mask = masks[static_cast<std::size_t>(i)];
    add_layers(model, {.mixer = gqa, .mlp = is_dense ? Mlp(mlp) : Mlp(moe)});
  }
}

void read_gpt_oss(ConfigKeys& keys, ModelSpec& model) {
  static const std::vector<std::string> kTypes{"full_attention", "sliding_attention"};
  static constexpr std::string_view kUnused[] = {"swiglu_limit",        "initial_context_length", "experts_per_token",
                                                 "rope_scaling_factor", "rope_ntk_alpha",         "rope_ntk_beta"};
  const DecoderDefaults defaults{
      .norm_eps = 1e-5, .rope_theta = 150000.0, .max_positions = 131072, .kv_heads = 8, .head_dim = 64};
  auto [num_layers, gqa, mlp] = read_decoder(keys, defaults, model);
  keys.ignore(kRouterKeys);
  keys.ignore(kUnused);
  gqa.bias = gqa.out_bias = keys.flag("attention_bias", true);
  gqa.sinks = true;  // no key says so
  const std::int64_t window = keys.whole("sliding_window", kPositions, 128);
  const auto types = keys.layer_words("layer_types", num_layers, kTypes);
  Moe moe = experts_like(mlp);
  moe.bias = true;  // of the router and the experts; no key says so
  moe.experts = keys.count("num_local_experts", kExperts, 128);
  moe.top_k = keys.count("num_experts_per_tok", kExperts, 4);
  const std::vector<bool> windowed = types.empty() ? all_but_every(num_layers, 2) : local_layers(types, kTypes[1]);
  for (const Mask& mask : masks_where(windowed, {.kind = Mask::Kind::window, .tokens = window})) {
    gqa.mask = mask;
    add_layers(model, {.mixer = gqa, .mlp = moe});
  }
}

namespace {

// Layers without rotary positions see everything; the others see their chunk.
std::vector<bool> read_llama4_chunked(ConfigKeys& keys, int num_layers) {
  static const std::vector<std::string> kTypes{"full_attention", "chunked_attention"};
  std::vector<bool> chunked = all_but_every(num_layers, keys.whole("no_rope_layer_interval", kLayers, 4));
  const auto rotated = keys.numbers("no_rope_layers", {0, 1});
  if (!rotated.empty() && std::ssize(rotated) != num_layers) {
    keys.problem("no_rope_layers", "must have one entry per layer");
  } else if (!rotated.empty()) {
    chunked.assign(rotated.begin(), rotated.end());
  }
  const auto types = keys.layer_words("layer_types", num_layers, kTypes);
  return types.empty() ? chunked : local_layers(types, kTypes[1]);
}

}  // namespace

void read_llama4(ConfigKeys& keys, ModelSpec& model) {
  static constexpr std::string_view kUnused[] = {"attn_temperature_tuning", "floor_scale", "attn_scale",
                                                 "for_llm_compressor"};
  const DecoderDefaults defaults{
      .norm_eps = 1e-5, .rope_theta = 500000.0, .max_positions = 131072, .kv_heads = 8, .head_dim = 128};
  auto [num_layers, gqa, mlp] = read_decoder(keys, defaults, model);
  keys.ignore(kRouterKeys);
  keys.ignore(kUnused);
  gqa.bias = gqa.out_bias = keys.flag("attention_bias", false);
  const bool qk_norm = keys.flag("use_qk_norm", true);
  Moe moe = experts_like(mlp);
  moe.shared = mlp;  // one, as wide as a routed one; no key says so
  moe.experts = keys.count("num_local_experts", kExperts, 16);
  moe.top_k = keys.count("num_experts_per_tok", kExperts, 1);
  mlp.ffn = keys.whole("intermediate_size_mlp", kSizes, 16384);

  const Mask chunk{.kind = Mask::Kind::chunk, .tokens = keys.whole("attention_chunk_size", kPositions, 8192)};
  const std::vector<bool> chunked = read_llama4_chunked(keys, num_layers);
  const std::int64_t step = keys.whole("interleave_moe_layer_step", kLayers, 1);
  const bool listed = keys.has("moe_layers");
  const auto moe_layers = keys.numbers("moe_layers", {0, kLayers.most});
  Gqa whole = gqa;
  whole.rotary.reset();
  gqa.mask = chunk;
  gqa.qk_norm = qk_norm ? HeadNorm::bare : HeadNorm::none;  // where q and k are rotated
  for (int i = 0; i < num_layers; ++i) {
    const bool in_list = std::find(moe_layers.begin(), moe_layers.end(), i) != moe_layers.end();
    const bool is_moe = listed ? in_list : (i + 1) % step == 0;
    const bool is_chunked = i < std::ssize(chunked) && chunked[static_cast<std::size_t>(i)];
    add_layers(model, {.mixer = is_chunked ? gqa : whole, .mlp = is_moe ? Mlp(moe) : Mlp(mlp)});
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
  const auto [num_layers, gqa, mlp] = read_decoder(keys, {.max_positions = 4096, .head_dim = 192}, model);
  keys.ignore(kRouterKeys);
  keys.ignore(kUnused);
  Mla mla{.heads = gqa.heads, .rotary = *gqa.rotary, .bias = keys.flag("attention_bias", false)};
  const Json* q_rank = keys.any("q_lora_rank");  // null: q is projected in one step
  mla.q_rank = q_rank != nullptr && q_rank->is_null() ? 0 : keys.whole("q_lora_rank", kSizes, 1536);
  mla.kv_rank = keys.whole("kv_lora_rank", kSizes, 512);
  mla.qk_nope_dim = keys.whole("qk_nope_head_dim", kSizes, 128);
  mla.qk_rope_dim = keys.whole("qk_rope_head_dim", kSizes, 64);
  mla.v_dim = keys.whole("v_head_dim", kSizes, 128);
  Moe moe = experts_like(mlp);
  moe.ffn = keys.whole("moe_intermediate_size", kSizes, 2048);
  moe.experts = keys.count("n_routed_experts", kExperts, 256);
  moe.top_k = keys.count("num_experts_per_tok", kExperts, 8);
  if (const std::int64_t shared = keys.whole("n_shared_experts", {0, 64}, 1); shared > 0) {
    moe.shared = Dense{.ffn = moe.ffn * shared, .activation = mlp.activation};
  }
  const std::int64_t first = keys.whole("first_k_dense_replace", {0, kLayers.most}, 3);
  const std::int64_t step = keys.whole("moe_layer_freq", kLayers, 1);
  for (int i = 0; i < num_layers; ++i) {
    const bool is_moe = i >= first && i % step == 0;
    add_layers(model, {.mixer = mla, .mlp = is_moe ? Mlp(moe) : Mlp(mlp)});
  }
}

}  // namespace perfbench
