// Families with a dense MLP in every layer: llama, gpt2, nemotron, qwen2, qwen3.
#include "job/model_family.h"

namespace perfbench {
namespace {

// A switch whose other setting makes a model that perfbench does not have.
void must_be(ConfigKeys& keys, std::string_view key, bool setting) {
  if (keys.flag(key, setting) != setting) {
    keys.problem(key, setting ? "is false, which no Program stands for" : "is true, which no Program stands for");
  }
}

// partial_rotary_factor stands by itself, or since version 5 of transformers inside rope_parameters, where it wins.
double read_rotary_share(ConfigKeys& keys, double fallback) {
  const double own = keys.positive("partial_rotary_factor", fallback);
  const Json* parameters = keys.any("rope_parameters");
  const Json* share = parameters == nullptr ? nullptr : parameters->find("partial_rotary_factor");
  if (share == nullptr || share->is_null()) return own;
  const double value = share->number().value_or(0.0);
  if (value <= 0.0) keys.problem("rope_parameters", "has a partial_rotary_factor that is no number above 0");
  return value > 0.0 ? value : own;
}

}  // namespace

void read_llama(ConfigKeys& keys, ModelSpec& model) {
  auto [num_layers, gqa, mlp] = read_decoder(keys, {.norm_eps = 1e-6, .max_positions = 2048}, model);
  gqa.bias = gqa.out_bias = keys.flag("attention_bias", false);
  mlp.bias = keys.flag("mlp_bias", false);
  add_layers(model, {.mixer = gqa, .mlp = mlp}, num_layers);
}

void read_gpt2(ConfigKeys& keys, ModelSpec& model) {
  static constexpr std::string_view kUnused[] = {"n_ctx",
                                                 "resid_pdrop",
                                                 "embd_pdrop",
                                                 "attn_pdrop",
                                                 "summary_type",
                                                 "summary_use_proj",
                                                 "summary_activation",
                                                 "summary_proj_to_labels",
                                                 "summary_first_dropout",
                                                 "reorder_and_upcast_attn"};
  keys.ignore(kUnused);
  must_be(keys, "scale_attn_weights", true);
  must_be(keys, "scale_attn_by_inverse_layer_idx", false);
  must_be(keys, "add_cross_attention", false);
  model.hidden = keys.whole("n_embd", kSizes);
  const int num_layers = keys.count("n_layer", kLayers);
  Gqa gqa{.bias = true, .out_bias = true, .packed_qkv = true};
  gqa.heads = gqa.kv_heads = keys.count("n_head", kHeads);
  model.vocab = keys.whole("vocab_size", kVocab);
  Dense mlp{.gated = false, .bias = true};
  mlp.ffn = keys.whole("n_inner", kSizes, 4 * model.hidden);
  model.max_positions = keys.whole("n_positions", kPositions, 1024);
  mlp.activation = read_activation(keys, "activation_function", "gelu_new");
  model.norm_eps = keys.positive("layer_norm_epsilon", 1e-5);
  model.tied_embeddings = keys.flag("tie_word_embeddings", true);
  if (keys.ok() && model.hidden % gqa.heads != 0) {
    keys.problem("n_head", "does not divide n_embd", "the head size is n_embd / n_head");
  }
  gqa.head_dim = model.hidden / gqa.heads;
  model.norm = Norm::layer;
  model.learned_positions = true;
  add_layers(model, {.mixer = gqa, .mlp = mlp}, num_layers);
}

void read_nemotron(ConfigKeys& keys, ModelSpec& model) {
  const DecoderDefaults defaults{
      .norm_key = "norm_eps", .norm_eps = 1e-5, .max_positions = 4096, .activation = "relu2"};
  auto [num_layers, gqa, mlp] = read_decoder(keys, defaults, model);
  gqa.bias = gqa.out_bias = keys.flag("attention_bias", false);
  mlp.bias = keys.flag("mlp_bias", false);
  gqa.rotary->share = read_rotary_share(keys, 0.5);
  mlp.gated = false;
  model.norm = Norm::layer1p;
  add_layers(model, {.mixer = gqa, .mlp = mlp}, num_layers);
}

void read_qwen2(ConfigKeys& keys, ModelSpec& model) {
  auto [num_layers, gqa, mlp] = read_decoder(keys, {.max_positions = 32768, .kv_heads = 32}, model);
  gqa.bias = true;  // on q, k and v; no key says so
  for (const Mask& mask : read_qwen_masks(keys, num_layers)) {
    gqa.mask = mask;
    add_layers(model, {.mixer = gqa, .mlp = mlp});
  }
}

void read_qwen3(ConfigKeys& keys, ModelSpec& model) {
  auto [num_layers, gqa, mlp] = read_decoder(keys, {.max_positions = 32768, .kv_heads = 32, .head_dim = 128}, model);
  const std::vector<Mask> masks = read_qwen_masks(keys, num_layers);
  gqa.bias = gqa.out_bias = keys.flag("attention_bias", false);
  gqa.qk_norm = HeadNorm::per_head;  // no key says so
  for (const Mask& mask : masks) {
    gqa.mask = mask;
    add_layers(model, {.mixer = gqa, .mlp = mlp});
  }
}

}  // namespace perfbench
