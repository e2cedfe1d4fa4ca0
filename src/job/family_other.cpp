// Families that are no plain decoder: nemotron_h (Mamba-2 and attention mixed) and WAN (a video diffusion transformer).
#include <fmt/core.h>

#include <string>

#include "base/error.h"
#include "job/model_family.h"

namespace perfbench {
namespace {

struct PatternLetter {
  char letter = ' ';
  LayerKind kind;
};

constexpr PatternLetter kPattern[] = {{'M', {Mixer::mamba2, Mlp::none}},
                                      {'*', {Mixer::gqa, Mlp::none}},
                                      {'-', {Mixer::none, Mlp::dense}},
                                      {'E', {Mixer::none, Mlp::moe}}};

std::vector<LayerKind> read_pattern(ConfigKeys& keys, int num_layers) {
  const std::string_view key = "hybrid_override_pattern";
  const std::string hint = "one letter per layer: M Mamba-2, * attention, - MLP, E experts";
  const std::string pattern = keys.word(key, "");
  std::vector<LayerKind> layers;
  for (const char letter : pattern) {
    for (const PatternLetter& known : kPattern) {
      if (letter == known.letter) layers.push_back(known.kind);
    }
  }
  if (pattern.empty()) {
    keys.problem(key, "is missing", hint);
  } else if (layers.size() != pattern.size()) {
    keys.problem(key, "has an unknown letter", hint);
  } else if (keys.ok() && std::ssize(layers) != num_layers) {
    keys.problem(key, fmt::format("has {} letters for {} layers", layers.size(), num_layers), hint);
  }
  return layers;
}

bool has_experts(const ModelSpec& model) {
  for (const LayerKind& layer : model.layers) {
    if (layer.mlp == Mlp::moe) return true;
  }
  return false;
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
  const int num_layers = read_decoder(keys, defaults, model);
  keys.ignore(kUnused);
  model.attention_bias = keys.flag("attention_bias", false);
  model.output_bias = model.attention_bias;
  model.mlp_bias = keys.flag("mlp_bias", false);
  model.gated = false;
  model.positions = Positions::none;
  model.rotary_share = 0.0;
  model.mamba = MambaShape{.heads = keys.count("mamba_num_heads", kHeads, 128),
                           .groups = keys.count("n_groups", kHeads, 8),
                           .head_dim = keys.whole("mamba_head_dim", kSizes, 64),
                           .state = keys.whole("ssm_state_size", kSizes, 128),
                           .conv_kernel = keys.whole("conv_kernel", {1, 64}, 4),
                           .chunk = keys.whole("chunk_size", kSizes, 128)};
  model.layers = read_pattern(keys, num_layers);
  static constexpr std::string_view kMoeKeys[] = {"n_routed_experts", "num_experts_per_tok", "moe_intermediate_size",
                                                  "moe_shared_expert_intermediate_size", "n_shared_experts"};
  keys.ignore(kMoeKeys);  // files without experts may hold them too
  if (!has_experts(model)) return;
  const std::int64_t shared = keys.whole("n_shared_experts", {0, 64}, 1);
  model.moe = MoeShape{.experts = keys.count("n_routed_experts", kExperts),
                       .experts_per_token = keys.count("num_experts_per_tok", kExperts),
                       .ffn = keys.whole("moe_intermediate_size", kSizes)};
  if (shared > 0) model.moe->shared_ffn = shared * keys.whole("moe_shared_expert_intermediate_size", kSizes);
}

void read_wan(ConfigKeys& keys, ModelSpec& model) {
  static constexpr std::string_view kUnused[] = {"_class_name",      "_diffusers_version", "cross_attn_norm",
                                                 "rope_max_seq_len", "pos_embed_seq_len",  "_mock_latent_shape"};
  keys.ignore(kUnused);
  for (const std::string_view key : {"image_dim", "added_kv_proj_dim"}) {
    if (keys.has(key))
      keys.problem(key, "is set, but image-to-video models are not supported", "null for text-to-video");
  }
  model.heads = model.kv_heads = keys.count("num_attention_heads", kHeads);
  model.head_dim = keys.whole("attention_head_dim", {1, 4096});
  model.hidden = model.heads * model.head_dim;
  model.ffn = keys.whole("ffn_dim", kSizes);
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
  model.qk_norm = !keys.word("qk_norm", "").empty();
  model.attention_bias = model.output_bias = model.mlp_bias = true;
  model.gated = false;
  model.norm = Norm::layer;
  model.activation = Activation::gelu_tanh;
  model.layers = uniform_layers(num_layers, Mixer::cross, Mlp::dense);
}

}  // namespace perfbench
