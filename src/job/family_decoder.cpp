// What the decoder families of transformers have in common.
#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <string>
#include <utility>
#include <vector>

#include "base/text.h"
#include "job/model_family.h"

namespace perfbench {
namespace {

// The words of transformers' table ACT2FN, and diffusers' "gelu-approximate".
constexpr std::array<std::pair<std::string_view, Activation>, 12> kActivations{{
    {"silu", Activation::silu},
    {"swish", Activation::silu},
    {"gelu", Activation::gelu},
    {"gelu_python", Activation::gelu},
    {"gelu_new", Activation::gelu_tanh},
    {"gelu_fast", Activation::gelu_tanh},
    {"gelu_accurate", Activation::gelu_tanh},
    {"gelu_tanh", Activation::gelu_tanh},
    {"gelu_pytorch_tanh", Activation::gelu_tanh},
    {"gelu_python_tanh", Activation::gelu_tanh},
    {"gelu-approximate", Activation::gelu_tanh},
    {"relu2", Activation::relu2},
}};

// rope_theta stands by itself, or since version 5 of transformers inside rope_parameters.
double read_rope_theta(ConfigKeys& keys, double fallback) {
  const Json* parameters = keys.any("rope_parameters");
  const Json* theta = parameters == nullptr ? nullptr : parameters->find("rope_theta");
  if (theta == nullptr) return keys.positive("rope_theta", fallback);
  const double value = theta->number().value_or(0.0);
  if (value <= 0.0) keys.problem("rope_parameters", "has a rope_theta that is no number above 0");
  return keys.positive("rope_theta", value);
}

double rope_number(ConfigKeys& keys, const Json& parameters, std::string_view name) {
  const Json* number = parameters.find(name);
  const double value = number == nullptr ? 0.0 : number->number().value_or(0.0);
  if (value <= 0.0) keys.problem("rope_scaling", fmt::format("has a {} that is no number above 0", name));
  return value;
}

std::int64_t rope_positions(ConfigKeys& keys, const Json& parameters, std::string_view name) {
  constexpr auto kMost = static_cast<double>(kPositions.most);
  const double value = rope_number(keys, parameters, name);
  if (value > kMost) keys.problem("rope_scaling", fmt::format("has a {} above {}", name, kPositions.most));
  return static_cast<std::int64_t>(std::clamp(value, 0.0, kMost));
}

// rope_parameters, or rope_scaling before version 5 of transformers; there the type is `type` in older files.
void read_rope_scaling(ConfigKeys& keys, Rotary& rotary) {
  for (const std::string_view key : {"rope_parameters", "rope_scaling"}) {
    const Json* parameters = keys.any(key);
    if (parameters == nullptr || parameters->is_null()) continue;
    const Json* type = parameters->find("rope_type");
    if (type == nullptr) type = parameters->find("type");
    if (type != nullptr && type->is_string()) rotary.type = std::get<std::string>(type->value);
    if (rotary.type != "llama3") continue;
    rotary.scaling = {.factor = rope_number(keys, *parameters, "factor"),
                      .low_freq_factor = rope_number(keys, *parameters, "low_freq_factor"),
                      .high_freq_factor = rope_number(keys, *parameters, "high_freq_factor"),
                      .original_positions = rope_positions(keys, *parameters, "original_max_position_embeddings")};
  }
}

std::int64_t read_head_dim(ConfigKeys& keys, std::int64_t fallback, std::int64_t hidden, int heads) {
  if (fallback != 0 || keys.has("head_dim")) return keys.whole("head_dim", kSizes, fallback);
  if (keys.ok() && hidden % heads != 0) {
    keys.problem("head_dim",
                 fmt::format("is missing, and hidden_size {} is no multiple of num_attention_heads {}", hidden, heads));
  }
  return std::max<std::int64_t>(1, hidden / heads);
}

void check_heads(ConfigKeys& keys, const Gqa& gqa) {
  if (gqa.heads % gqa.kv_heads != 0) {
    keys.problem("num_key_value_heads",
                 fmt::format("is {}, which does not divide num_attention_heads {}", gqa.kv_heads, gqa.heads));
  }
}

void check_experts(ConfigKeys& keys, const Moe& moe) {
  if (moe.top_k > moe.experts) {
    keys.problem("num_experts_per_tok", fmt::format("is {}, but there are only {} experts", moe.top_k, moe.experts));
  }
}

void check_mamba(ConfigKeys& keys, const Mamba2& mamba) {
  if (mamba.heads % mamba.groups != 0) {
    keys.problem("n_groups", fmt::format("is {}, which does not divide mamba_num_heads {}", mamba.groups, mamba.heads));
  }
}

void check_rotary(ConfigKeys& keys, const Gqa& gqa) {
  if (gqa.rotary && gqa.rotary->share > 1.0) {
    keys.problem("partial_rotary_factor", fmt::format("is {}, but must not be above 1", gqa.rotary->share));
  }
}

}  // namespace

Activation read_activation(ConfigKeys& keys, std::string_view key, std::string_view fallback) {
  const std::string word = keys.word(key, fallback);
  std::vector<std::string> known;
  for (const auto& [name, activation] : kActivations) {
    if (word == name) return activation;
    known.emplace_back(name);
  }
  keys.problem(key, fmt::format("\"{}\" is unknown", word), nearest_hint(word, known));
  return Activation::silu;
}

Decoder read_decoder(ConfigKeys& keys, const DecoderDefaults& defaults, ModelSpec& model) {
  Decoder decoder;
  Gqa& gqa = decoder.gqa;
  Dense& mlp = decoder.mlp;
  model.hidden = keys.whole("hidden_size", kSizes);
  mlp.ffn = keys.whole("intermediate_size", kSizes);
  decoder.num_layers = keys.count("num_hidden_layers", kLayers);
  gqa.heads = keys.count("num_attention_heads", kHeads);
  gqa.kv_heads = keys.count("num_key_value_heads", kHeads, defaults.kv_heads == 0 ? gqa.heads : defaults.kv_heads);
  gqa.head_dim = read_head_dim(keys, defaults.head_dim, model.hidden, gqa.heads);
  model.vocab = keys.whole("vocab_size", kVocab);
  model.max_positions = keys.whole("max_position_embeddings", kPositions, defaults.max_positions);
  mlp.activation = read_activation(keys, defaults.activation_key, defaults.activation);
  model.norm_eps = keys.positive(defaults.norm_key, defaults.norm_eps);
  Rotary rotary{.theta = read_rope_theta(keys, defaults.rope_theta)};
  read_rope_scaling(keys, rotary);
  gqa.rotary = std::move(rotary);
  model.tied_embeddings = keys.flag("tie_word_embeddings", false);
  return decoder;
}

void check_sizes(ConfigKeys& keys, const ModelSpec& model) {
  if (!keys.ok()) return;
  const Gqa* gqa = find_mixer<Gqa>(model);
  if (gqa != nullptr) check_heads(keys, *gqa);
  if (const Moe* moe = find_mlp<Moe>(model)) check_experts(keys, *moe);
  if (const Mamba2* mamba = find_mixer<Mamba2>(model)) check_mamba(keys, *mamba);
  if (gqa != nullptr) check_rotary(keys, *gqa);
  if (const double params = total_params(model); keys.ok() && params > kMostParams) {
    keys.problem("", fmt::format("{} layers of these sizes have {:.3g} parameters, more than {:.0f}",
                                 model.num_layers(), params, kMostParams));
  }
}

std::vector<Mask> masks_where(const std::vector<bool>& masked, const Mask& mask) {
  std::vector<Mask> masks;
  masks.reserve(masked.size());
  for (const bool is_masked : masked) masks.push_back(is_masked ? mask : Mask{});
  return masks;
}

std::vector<Mask> read_qwen_masks(ConfigKeys& keys, int num_layers) {
  static const std::vector<std::string> kTypes{"full_attention", "sliding_attention"};
  const std::int64_t window = keys.whole("sliding_window", kPositions, 4096);
  const std::int64_t first = keys.whole("max_window_layers", {0, kLayers.most}, 28);  // layers before it see everything
  const auto types = keys.layer_words("layer_types", num_layers, kTypes);
  const bool on = keys.flag("use_sliding_window", false);
  std::vector<bool> windowed;
  for (int i = 0; i < num_layers; ++i) {
    windowed.push_back(on && (types.empty() ? i >= first : types[static_cast<std::size_t>(i)] == kTypes[1]));
  }
  return masks_where(windowed, {.kind = Mask::Kind::window, .tokens = window});
}

}  // namespace perfbench
