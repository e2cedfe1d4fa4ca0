// Families that are no plain decoder: nemotron_h (Mamba-2 and attention mixed) and WAN (a video diffusion transformer).
#include <fmt/core.h>

#include <string>

#include "base/error.h"
#include "job/model_family.h"

namespace perfbench {
namespace {

constexpr std::string_view kLetters = "M*-E";  // Mamba-2, attention, MLP, experts

std::string read_pattern(ConfigKeys& keys, int num_layers) {
  const std::string_view key = "hybrid_override_pattern";
  const std::string hint = "one letter per layer: M Mamba-2, * attention, - MLP, E experts";
  std::string pattern = keys.word(key, "");
  if (pattern.empty()) {
    keys.problem(key, "is missing", hint);
  } else if (pattern.find_first_not_of(kLetters) != std::string::npos) {
    keys.problem(key, "has an unknown letter", hint);
  } else if (keys.ok() && std::ssize(pattern) != num_layers) {
    keys.problem(key, fmt::format("has {} letters for {} layers", pattern.size(), num_layers), hint);
  }
  return pattern;
}

Moe read_experts(ConfigKeys& keys, const Dense& mlp) {
  Moe moe{.activation = mlp.activation, .gated = mlp.gated, .bias = mlp.bias};
  const std::int64_t shared = keys.whole("n_shared_experts", {0, 64}, 1);
  moe.experts = keys.count("n_routed_experts", kExperts);
  moe.top_k = keys.count("num_experts_per_tok", kExperts);
  moe.ffn = keys.whole("moe_intermediate_size", kSizes);
  if (shared > 0) {
    moe.shared = mlp;
    moe.shared->ffn = shared * keys.whole("moe_shared_expert_intermediate_size", kSizes);
  }
  return moe;
}

// Positions of the patch volume (frames, height, width).
std::int64_t patch_volume(ConfigKeys& keys) {
  std::int64_t volume = 1;
  const auto patch = keys.numbers("patch_size", {1, 64});
  if (keys.ok() && !patch.empty() && patch.size() != 3) {
    keys.problem("patch_size", "must have three numbers: frames, height, width");
  }
  for (const std::int64_t size : patch) volume *= size;
  return patch.empty() ? 4 : volume;  // diffusers' (1, 2, 2)
}

}  // namespace

void read_nemotron_h(ConfigKeys& keys, ModelSpec& model) {
  // expand: the inner width of a Mamba layer is mamba_num_heads * mamba_head_dim. rope_theta and its like: the family
  // has no positions. norm_eps, rms_norm_eps, hidden_act: second names in published files.
  static constexpr std::string_view kUnused[] = {"expand",
                                                 "mamba_hidden_act",
                                                 "mamba_ssm_cache_dtype",
                                                 "time_step_min",
                                                 "time_step_max",
                                                 "time_step_limit",
                                                 "time_step_floor",
                                                 "time_step_rank",
                                                 "use_conv_bias",
                                                 "use_bias",
                                                 "mamba_proj_bias",
                                                 "use_mamba_kernels",
                                                 "rescale_prenorm_residual",
                                                 "residual_in_fp32",
                                                 "num_logits_to_keep",
                                                 "norm_eps",
                                                 "rms_norm_eps",
                                                 "hidden_act",
                                                 "partial_rotary_factor",
                                                 "sliding_window",
                                                 "n_group",
                                                 "topk_group",
                                                 "norm_topk_prob",
                                                 "routed_scaling_factor",
                                                 "attention_head_dim"};
  const DecoderDefaults defaults{.norm_key = "layer_norm_epsilon",
                                 .norm_eps = 1e-5,
                                 .max_positions = 4096,
                                 .kv_heads = 8,
                                 .head_dim = keys.whole("attention_head_dim", kSizes, 128),  // head_dim of older files
                                 .activation_key = "mlp_hidden_act",
                                 .activation = "relu2"};
  auto [num_layers, gqa, mlp] = read_decoder(keys, defaults, model);
  keys.ignore(kUnused);
  gqa.bias = gqa.out_bias = keys.flag("attention_bias", false);
  gqa.rotary.reset();
  mlp.bias = keys.flag("mlp_bias", false);
  mlp.gated = false;
  Mamba2 mamba;
  mamba.heads = keys.count("mamba_num_heads", kHeads, 128);
  mamba.groups = keys.count("n_groups", kHeads, 8);
  mamba.head_dim = keys.whole("mamba_head_dim", kSizes, 64);
  mamba.state = keys.whole("ssm_state_size", kSizes, 128);
  mamba.conv_kernel = keys.whole("conv_kernel", {1, 64}, 4);
  mamba.chunk = keys.whole("chunk_size", kSizes, 128);
  const std::string pattern = read_pattern(keys, num_layers);
  static constexpr std::string_view kMoeKeys[] = {"n_routed_experts", "num_experts_per_tok", "moe_intermediate_size",
                                                  "moe_shared_expert_intermediate_size", "n_shared_experts"};
  keys.ignore(kMoeKeys);  // files without experts may hold them too
  const Moe moe = pattern.find('E') == std::string::npos ? Moe{} : read_experts(keys, mlp);
  constexpr Norms kOneMixer{.before_mlp = false}, kOneMlp{.before_mixer = false};
  for (const char letter : pattern) {
    if (letter == 'M') add_layers(model, {.norms = kOneMixer, .mixer = mamba});
    if (letter == '*') add_layers(model, {.norms = kOneMixer, .mixer = gqa});
    if (letter == '-') add_layers(model, {.norms = kOneMlp, .mlp = mlp});
    if (letter == 'E') add_layers(model, {.norms = kOneMlp, .mlp = moe});
  }
}

void read_wan(ConfigKeys& keys, ModelSpec& model) {
  static constexpr std::string_view kUnused[] = {"_class_name",      "_diffusers_version", "cross_attn_norm",
                                                 "rope_max_seq_len", "pos_embed_seq_len",  "_mock_latent_shape"};
  keys.ignore(kUnused);
  for (const std::string_view key : {"image_dim", "added_kv_proj_dim"}) {
    if (keys.has(key))
      keys.problem(key, "is set, but image-to-video models are not supported", "null for text-to-video");
  }
  SelfAndCross attention{.bias = true};
  attention.heads = keys.count("num_attention_heads", kHeads);
  attention.head_dim = keys.whole("attention_head_dim", {1, 4096});
  model.hidden = attention.heads * attention.head_dim;
  Dense mlp{.activation = Activation::gelu_tanh, .gated = false, .bias = true};
  mlp.ffn = keys.whole("ffn_dim", kSizes);
  const int num_layers = keys.count("num_layers", kLayers);
  const std::int64_t channels = keys.whole("in_channels", {1, 65536}, 16);
  if (keys.whole("out_channels", {1, 65536}, 16) != channels && keys.ok()) {
    keys.problem("out_channels", "must equal in_channels", "text-to-video models predict the latent they are given");
  }
  model.video = VideoShape{.text_dim = keys.whole("text_dim", kSizes, 4096),
                           .text_len = keys.whole("_text_len", kSizes, 512),
                           .freq_dim = keys.whole("freq_dim", kSizes, 256),
                           .patch_elements = channels * patch_volume(keys)};
  model.max_positions = 0;  // rotary in three directions; no limit of their product
  model.norm_eps = keys.positive("eps", 1e-6);
  if (!keys.word("qk_norm", "").empty()) attention.qk_norm = HeadNorm::all_heads;
  model.norm = Norm::layer;
  add_layers(model, {.mixer = attention, .mlp = mlp}, num_layers);
}

}  // namespace perfbench
