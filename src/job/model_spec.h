// A model as its layer pattern and sizes, read from a Hugging Face config.json.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace perfbench {

enum class Mixer {
  none,
  gqa,
  mla,
  mamba2,
  cross
};  // cross: self-attention and cross-attention to a text, as WAN has it
enum class Mlp { none, dense, moe };
enum class Norm { rms, layer, layer1p };
enum class Activation { silu, gelu, gelu_tanh, relu2 };  // gelu: exact, by erf; gelu_tanh: Hendrycks and Gimpel's form
enum class Positions { rope, learned, none };

struct LayerKind {
  Mixer mixer = Mixer::gqa;
  Mlp mlp = Mlp::dense;
  bool operator==(const LayerKind&) const = default;
};

struct MoeShape {
  int experts = 0;
  int experts_per_token = 0;
  std::int64_t ffn = 0;         // width of one routed expert
  std::int64_t shared_ffn = 0;  // total width of the shared experts; 0: none
};

struct MlaShape {
  std::int64_t q_rank = 0, kv_rank = 0, qk_nope_dim = 0, qk_rope_dim = 0, v_dim = 0;
};

struct MambaShape {
  int heads = 0, groups = 0;
  std::int64_t head_dim = 0, state = 0, conv_kernel = 0, chunk = 0;
};

struct VideoShape {  // a diffusion transformer over video patches
  std::int64_t text_dim = 0, text_len = 0, freq_dim = 0,
               patch_elements = 0;  // patch_elements: in_channels x patch volume
};

// Llama 3.1's way to longer contexts: pairs of the rotary embedding whose wave is longer than the original context
// turns slower by `factor`, those far shorter as before, the ones between by a share (Hugging Face rope_type "llama3").
struct RopeScaling {
  double factor = 1.0;  // 1: no scaling
  double low_freq_factor = 1.0, high_freq_factor = 4.0;
  std::int64_t original_positions = 8192;
  bool operator==(const RopeScaling&) const = default;
};

struct ModelSpec {
  std::string name;    // the folder's name, or the path the user gave
  std::string family;  // Hugging Face model_type: "llama", "gpt2", ...; "wan" for diffusers' WanTransformer3DModel
  std::string source;  // the file's `_source` line; the file itself where it has none
  std::vector<std::string> aliases;

  std::int64_t hidden = 0;    // H
  std::int64_t ffn = 0;       // F, of a dense MLP
  int heads = 0;              // n
  int kv_heads = 0;           // k
  std::int64_t head_dim = 0;  // D; n * D may differ from H
  std::int64_t vocab = 0;     // V
  std::int64_t max_positions = 0;
  bool tied_embeddings = false;
  bool attention_bias = false;  // on q, k, v
  bool output_bias = false;     // on the attention's output projection
  bool mlp_bias = false;
  bool qk_norm = false;
  bool gated = true;  // gate and up, as SwiGLU has it
  Norm norm = Norm::rms;
  double norm_eps = 1e-5;
  Activation activation = Activation::silu;
  Positions positions = Positions::rope;
  double rope_theta = 10000.0;
  std::string rope_type = "default";  // as in rope_parameters or rope_scaling; it changes values, not speed
  RopeScaling rope_scaling{};         // of rope_type "llama3"
  double rotary_share = 1.0;          // share of head_dim that is rotated
  std::int64_t sliding_window = 0;    // tokens; 0: none
  std::int64_t attention_chunk = 0;   // tokens; attention stays inside chunks of so many, as Llama 4 has it; 0: none
  std::vector<bool> windowed;         // per layer: has the window or the chunks; empty when no layer has
  std::vector<LayerKind> layers;      // L entries
  std::optional<MoeShape> moe;
  std::optional<MlaShape> mla;
  std::optional<MambaShape> mamba;
  std::optional<VideoShape> video;

  int num_layers() const { return static_cast<int>(layers.size()); }
};

// Reads `path`: a config.json or a folder that holds one. A missing key takes the default that transformers or
// diffusers gives it; hidden size, layers, heads and vocabulary have none. Throws InputError with every problem (file,
// key, nearest known key; broken JSON with line and column; more than kMostParams parameters) and Unsupported(feature
// "model") for a model_type that is not known.
ModelSpec read_model(const std::filesystem::path& path);

// What training-size tables call the model's size: parameters in tensors of two or more dims, which are those of matrix
// products, convolutions, the token embedding (counted once when tied) and GPT-OSS's expert biases. Norm weights, other
// biases, learned positions and multi-token prediction layers are left out. A diffusion transformer counts every
// parameter, as its publishers do.
std::int64_t matmul_and_embedding_params(const ModelSpec& model);

// The most parameters of a model, 2^50: states of all its parameters, at some 2^5 bytes each, are counted in 64 bits
// with room to spare.
inline constexpr double kMostParams = 0x1p50;

// The same sum of any sizes within the ranges of config_keys.h; exact up to kMostParams and beyond.
double total_params(const ModelSpec& model);

}  // namespace perfbench
