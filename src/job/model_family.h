// The families of models that perfbench reads: for each, how the keys of its config.json become a ModelSpec.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "job/config_keys.h"
#include "job/model_spec.h"

namespace perfbench {

// Each asks for every key that its family's files hold and notes what is wrong with them.
void read_llama(ConfigKeys& keys, ModelSpec& model);
void read_gpt2(ConfigKeys& keys, ModelSpec& model);
void read_nemotron(ConfigKeys& keys, ModelSpec& model);
void read_qwen2(ConfigKeys& keys, ModelSpec& model);
void read_qwen3(ConfigKeys& keys, ModelSpec& model);
void read_mixtral(ConfigKeys& keys, ModelSpec& model);
void read_qwen3_moe(ConfigKeys& keys, ModelSpec& model);
void read_gpt_oss(ConfigKeys& keys, ModelSpec& model);
void read_llama4(ConfigKeys& keys, ModelSpec& model);
void read_deepseek(ConfigKeys& keys, ModelSpec& model);
void read_nemotron_h(ConfigKeys& keys, ModelSpec& model);
void read_wan(ConfigKeys& keys, ModelSpec& model);

struct ModelFamily {
  std::string_view model_type;
  void (*read)(ConfigKeys&, ModelSpec&);
};

std::span<const ModelFamily> model_families();

// What transformers' configuration class of a family takes for a key that the file leaves out.
struct DecoderDefaults {
  std::string_view norm_key = "rms_norm_eps";
  double norm_eps = 1e-6;
  double rope_theta = 10000.0;
  std::int64_t max_positions = 2048;
  int kv_heads = 0;           // 0: as many as heads
  std::int64_t head_dim = 0;  // 0: hidden_size / num_attention_heads
  std::string_view activation_key = "hidden_act";
  std::string_view activation = "silu";
};

// What the keys that all decoders of transformers share say of their layers.
struct Decoder {
  int num_layers = 0;
  Gqa gqa{};
  Dense mlp{};
};

// Reads them, and the sizes of the whole model into `model`, which gets no layers.
Decoder read_decoder(ConfigKeys& keys, const DecoderDefaults& defaults, ModelSpec& model);
Activation read_activation(ConfigKeys& keys, std::string_view key, std::string_view fallback);
// Notes the sizes that don't go together; only when each of them alone is right.
void check_sizes(ConfigKeys& keys, const ModelSpec& model);

// One mask a layer: `mask` where `masked`, else all tokens before.
std::vector<Mask> masks_where(const std::vector<bool>& masked, const Mask& mask);
// From sliding_window, use_sliding_window, max_window_layers and layer_types, as the Qwen families have them.
std::vector<Mask> read_qwen_masks(ConfigKeys& keys, int num_layers);

}  // namespace perfbench
