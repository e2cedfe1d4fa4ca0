#include "base/error.h"
#include "job/linears.h"

namespace perfbench {
namespace {

// The depthwise convolution of x, B and C.
std::int64_t convolution_params(const Mamba2& mamba) {
  return (mamba.heads * mamba.head_dim + 2 * mamba.state * mamba.groups) * mamba.conv_kernel;
}

// One layer of the largest sizes that a config.json may have (config_keys.h) has fewer than 2^56 parameters.
std::int64_t layer_params(const ModelSpec& model, const LayerSpec& layer) {
  std::int64_t params = 0;
  for (const LinearSpec& linear : linears(model, layer)) {
    params += linear.weights();
    if (linear.bias) params += linear.experts * linear.out.size;  // one tensor (experts, width)
  }
  const auto* mamba = std::get_if<Mamba2>(&layer.mixer);
  return mamba == nullptr ? params : params + convolution_params(*mamba);
}

// What a video diffusion transformer has besides the matrices of its layers; H: hidden, F: ffn.
std::int64_t video_params(const ModelSpec& m, const VideoShape& s) {
  const std::int64_t H = m.hidden;
  const Dense* mlp = find_mlp<Dense>(m);
  const std::int64_t F = mlp == nullptr ? 0 : mlp->ffn;
  const std::int64_t layer_vectors = 8 * H           // biases of q, k, v and output, self and cross
                                     + 4 * H         // norms of q and k, self and cross
                                     + 2 * H         // norm before cross-attention
                                     + F + H         // biases of the MLP
                                     + 6 * H;        // modulation
  return m.num_layers() * layer_vectors              //
         + s.patch_elements * H + H                  // patch embedding
         + (s.text_dim * H + H) + (H * H + H)        // text embedding
         + (s.freq_dim * H + H) + (H * H + H)        // time embedding
         + (H * 6 * H + 6 * H)                       // time projection
         + 2 * H                                     // modulation of the head
         + H * s.patch_elements + s.patch_elements;  // head
}

}  // namespace

double total_params(const ModelSpec& model) {
  const std::int64_t embedding_and_head = model.vocab * model.hidden * (model.tied_embeddings ? 1 : 2);
  auto params = static_cast<double>(embedding_and_head);
  std::vector<double> of_kind;
  for (const LayerSpec& kind : model.kinds) of_kind.push_back(static_cast<double>(layer_params(model, kind)));
  for (const int kind : model.layers) params += of_kind[static_cast<std::size_t>(kind)];
  return model.video ? params + static_cast<double>(video_params(model, *model.video)) : params;
}

std::int64_t matmul_and_embedding_params(const ModelSpec& model) {
  const double params = total_params(model);  // a whole number, and exact below 2^53
  check(params <= kMostParams, "matmul_and_embedding_params: a model that read_model() would have refused");
  return static_cast<std::int64_t>(params);
}

}  // namespace perfbench
