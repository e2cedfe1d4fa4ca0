#include "base/error.h"
#include "job/model_spec.h"

namespace perfbench {
namespace {

// One layer of the largest sizes that a config.json may have (config_keys.h) has fewer than 2^56 parameters.
std::int64_t gqa_params(const ModelSpec& m) {
  return m.hidden * m.heads * m.head_dim           // q
         + 2 * m.hidden * m.kv_heads * m.head_dim  // k, v
         + m.heads * m.head_dim * m.hidden;        // output
}

std::int64_t mla_params(const ModelSpec& m, const MlaShape& s) {
  const std::int64_t qk_dim = s.qk_nope_dim + s.qk_rope_dim;
  const std::int64_t q = s.q_rank == 0 ? m.hidden * m.heads * qk_dim                         // one step
                                       : m.hidden * s.q_rank + s.q_rank * m.heads * qk_dim;  // down, up
  return q + m.hidden * (s.kv_rank + s.qk_rope_dim)         // latent and the shared rotary key
         + s.kv_rank * m.heads * (s.qk_nope_dim + s.v_dim)  // up to k, v
         + m.heads * s.v_dim * m.hidden;                    // output
}

std::int64_t mamba_params(const ModelSpec& m, const MambaShape& s) {
  const std::int64_t inner = s.heads * s.head_dim;
  const std::int64_t groups = 2 * s.state * s.groups;  // B and C
  return m.hidden * (2 * inner + groups + s.heads)     // z, x, B, C, dt
         + (inner + groups) * s.conv_kernel            // depthwise convolution of x, B, C
         + inner * m.hidden;                           // output
}

std::int64_t mixer_params(const ModelSpec& m, Mixer mixer) {
  switch (mixer) {
    case Mixer::none:
      return 0;
    case Mixer::gqa:
      return gqa_params(m);
    case Mixer::mla:
      return mla_params(m, m.mla.value());
    case Mixer::mamba2:
      return mamba_params(m, m.mamba.value());
    case Mixer::cross:
      return 2 * gqa_params(m);  // over the video, then over the text
  }
  return 0;
}

std::int64_t moe_params(const ModelSpec& m, const MoeShape& s) {
  const std::int64_t matrices = m.gated ? 3 : 2;
  const std::int64_t biases = m.mlp_bias ? (matrices - 1) * s.ffn + m.hidden : 0;  // one tensor (experts, width) each
  return s.experts * (matrices * m.hidden * s.ffn + biases)                        // routed
         + matrices * m.hidden * s.shared_ffn                                      // shared
         + m.hidden * s.experts;                                                   // router
}

std::int64_t mlp_params(const ModelSpec& m, Mlp mlp) {
  switch (mlp) {
    case Mlp::none:
      return 0;
    case Mlp::dense:
      return (m.gated ? 3 : 2) * m.hidden * m.ffn;
    case Mlp::moe:
      return moe_params(m, m.moe.value());
  }
  return 0;
}

// What a video diffusion transformer has besides the matrices of its layers; H: hidden, F: ffn.
std::int64_t video_params(const ModelSpec& m, const VideoShape& s) {
  const std::int64_t H = m.hidden;
  const std::int64_t layer_vectors = 8 * H           // biases of q, k, v and output, self and cross
                                     + 4 * H         // norms of q and k, self and cross
                                     + 2 * H         // norm before cross-attention
                                     + m.ffn + H     // biases of the MLP
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
  for (const LayerKind& layer : model.layers)
    params += static_cast<double>(mixer_params(model, layer.mixer) + mlp_params(model, layer.mlp));
  return model.video ? params + static_cast<double>(video_params(model, *model.video)) : params;
}

std::int64_t matmul_and_embedding_params(const ModelSpec& model) {
  const double params = total_params(model);  // a whole number, and exact below 2^53
  check(params <= kMostParams, "matmul_and_embedding_params: a model that read_model() would have refused");
  return static_cast<std::int64_t>(params);
}

}  // namespace perfbench
