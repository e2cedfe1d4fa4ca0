// What the decoder families of transformers have in common.
#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <string>
#include <utility>

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
void read_rope_scaling(ConfigKeys& keys, ModelSpec& model) {
  for (const std::string_view key : {"rope_parameters", "rope_scaling"}) {
    const Json* parameters = keys.any(key);
    if (parameters == nullptr || parameters->is_null()) continue;
    const Json* type = parameters->find("rope_type");
    if (type == nullptr) type = parameters->find("type");
    if (type != nullptr && type->is_string()) model.rope_type = std::get<std::string>(type->value);
    if (model.rope_type != "llama3") continue;
    model.rope_scaling = {.factor = rope_number(keys, *parameters, "factor"),
                          .low_freq_factor = rope_number(keys, *parameters, "low_freq_factor"),
                          .high_freq_factor = rope_number(keys, *parameters, "high_freq_factor"),
                          .original_positions = rope_positions(keys, *parameters, "original_max_position_embeddings")};
  }
}

std::int64_t read_head_dim(ConfigKeys& keys, std::int64_t fallback, const ModelSpec& model) {
  if (fallback != 0 || keys.has("head_dim")) return keys.whole("head_dim", kSizes, fallback);
  if (keys.ok() && model.hidden % model.heads != 0) {
    keys.problem("head_dim", fmt::format("is missing, and hidden_size {} is no multiple of num_attention_heads {}",
                                         model.hidden, model.heads));
  }
  return std::max<std::int64_t>(1, model.hidden / model.heads);
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

int read_decoder(ConfigKeys& keys, const DecoderDefaults& defaults, ModelSpec& model) {
  model.hidden = keys.whole("hidden_size", kSizes);
  model.ffn = keys.whole("intermediate_size", kSizes);
  const int num_layers = keys.count("num_hidden_layers", kLayers);
  model.heads = keys.count("num_attention_heads", kHeads);
  model.kv_heads = keys.count("num_key_value_heads", kHeads, defaults.kv_heads == 0 ? model.heads : defaults.kv_heads);
  model.head_dim = read_head_dim(keys, defaults.head_dim, model);
  model.vocab = keys.whole("vocab_size", kVocab);
  model.max_positions = keys.whole("max_position_embeddings", kPositions, defaults.max_positions);
  model.activation = read_activation(keys, defaults.activation_key, defaults.activation);
  model.norm_eps = keys.positive(defaults.norm_key, defaults.norm_eps);
  model.rope_theta = read_rope_theta(keys, defaults.rope_theta);
  read_rope_scaling(keys, model);
  model.tied_embeddings = keys.flag("tie_word_embeddings", false);
  return num_layers;
}

void check_sizes(ConfigKeys& keys, const ModelSpec& model) {
  if (!keys.ok()) return;
  if (model.heads % model.kv_heads != 0) {
    keys.problem("num_key_value_heads",
                 fmt::format("is {}, which does not divide num_attention_heads {}", model.kv_heads, model.heads));
  }
  if (model.moe && model.moe->experts_per_token > model.moe->experts) {
    keys.problem("num_experts_per_tok",
                 fmt::format("is {}, but there are only {} experts", model.moe->experts_per_token, model.moe->experts));
  }
  if (model.mamba && model.mamba->heads % model.mamba->groups != 0) {
    keys.problem("n_groups", fmt::format("is {}, which does not divide mamba_num_heads {}", model.mamba->groups,
                                         model.mamba->heads));
  }
  if (model.rotary_share > 1.0) {
    keys.problem("partial_rotary_factor", fmt::format("is {}, but must not be above 1", model.rotary_share));
  }
  if (const double params = total_params(model); keys.ok() && params > kMostParams) {
    keys.problem("", fmt::format("{} layers of these sizes have {:.3g} parameters, more than {:.0f}",
                                 model.num_layers(), params, kMostParams));
  }
}

void read_qwen_window(ConfigKeys& keys, int num_layers, ModelSpec& model) {
  static const std::vector<std::string> kTypes{"full_attention", "sliding_attention"};
  const std::int64_t window = keys.whole("sliding_window", kPositions, 4096);
  const std::int64_t first = keys.whole("max_window_layers", {0, kLayers.most}, 28);  // layers before it see everything
  const auto types = keys.layer_words("layer_types", num_layers, kTypes);
  if (!keys.flag("use_sliding_window", false)) return;
  model.sliding_window = window;
  for (int i = 0; i < num_layers; ++i) {
    model.windowed.push_back(types.empty() ? i >= first : types[static_cast<std::size_t>(i)] == kTypes[1]);
  }
}

std::vector<LayerKind> uniform_layers(int num_layers, Mixer mixer, Mlp mlp) {
  return std::vector<LayerKind>(static_cast<std::size_t>(num_layers), LayerKind{.mixer = mixer, .mlp = mlp});
}

}  // namespace perfbench
