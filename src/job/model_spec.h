// A model as its layers and sizes, read from a Hugging Face config.json.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "job/layer.h"

namespace perfbench {

struct VideoShape {  // a diffusion transformer over video patches
  std::int64_t text_dim = 0, text_len = 0, freq_dim = 0,
               patch_elements = 0;  // patch_elements: in_channels x patch volume
};

struct ModelSpec {
  std::string name;    // the folder's name, or the path the user gave
  std::string family;  // Hugging Face model_type: "llama", "gpt2", ...; "wan" for diffusers' WanTransformer3DModel
  std::string source;  // the file's `_source` line; the file itself where it has none
  std::vector<std::string> aliases;

  std::int64_t hidden = 0;  // H
  std::int64_t vocab = 0;   // V
  std::int64_t max_positions = 0;
  bool learned_positions = false;  // a table of them is added to the embedded tokens
  bool tied_embeddings = false;
  Norm norm = Norm::rms;
  double norm_eps = 1e-5;
  std::vector<LayerSpec> kinds;  // of layers, each once
  std::vector<int> layers;       // L entries: the kind of each layer
  std::optional<VideoShape> video;

  int num_layers() const { return static_cast<int>(layers.size()); }
  const LayerSpec& layer(int index) const {
    return kinds[static_cast<std::size_t>(layers[static_cast<std::size_t>(index)])];
  }
};

// Appends `count` layers of a kind, which becomes a new one unless the model has it.
void add_layers(ModelSpec& model, const LayerSpec& kind, int count = 1);

// The mixer or MLP of this sort of the first kind that has one; nullptr where no kind has.
template <class Sort>
const Sort* find_mixer(const ModelSpec& model) {
  for (const LayerSpec& kind : model.kinds)
    if (const auto* mixer = std::get_if<Sort>(&kind.mixer)) return mixer;
  return nullptr;
}
template <class Sort>
const Sort* find_mlp(const ModelSpec& model) {
  for (const LayerSpec& kind : model.kinds)
    if (const auto* mlp = std::get_if<Sort>(&kind.mlp)) return mlp;
  return nullptr;
}

// Of some layer.
template <class Sort>
bool has_mixer(const ModelSpec& model) {
  return find_mixer<Sort>(model) != nullptr;
}
template <class Sort>
bool has_mlp(const ModelSpec& model) {
  return find_mlp<Sort>(model) != nullptr;
}

// Grouped-query attention and a dense MLP in every layer.
bool is_dense_decoder(const ModelSpec& model);

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
