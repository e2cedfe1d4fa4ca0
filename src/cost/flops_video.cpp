#include "cost/flops_terms.h"

namespace perfbench {

// Megatron-Bridge #5249 (2026-08-10), for WAN: forward FLOPs of a video token, times 3. Self-attention sees all S
// patches, not a causal half; T text tokens are shared by the S patches of a sample. The time embedding, one token a
// sample, is not counted.
std::vector<FlopsTerm> video_terms(const ModelSpec& model, const VideoShape& shape, std::int64_t seq_len) {
  const double L = model.num_layers();
  const double h = static_cast<double>(model.hidden);
  const Dense* dense = find_mlp<Dense>(model);
  const double f = dense == nullptr ? 0.0 : static_cast<double>(dense->ffn);
  const double S = static_cast<double>(seq_len);
  const double T = static_cast<double>(shape.text_len);
  const double text_per_patch = T / S;
  const double patch = static_cast<double>(shape.patch_elements);

  const double self_projections = 4.0 * h * h;  // q, k, v, output
  const double self_scores = 2.0 * S * h;
  const double cross_query_and_output = 2.0 * h * h;
  const double cross_key_and_value = 2.0 * h * h * text_per_patch;
  const double cross_scores = 2.0 * T * h;
  const double mlp = 2.0 * h * f;
  const double patch_embedding = patch * h;
  const double head = h * patch;
  const double text_embedding = (static_cast<double>(shape.text_dim) * h + h * h) * text_per_patch;
  return {{"self-attention projections", kFlopsPerWeight * L * self_projections},
          {"self-attention scores", kFlopsPerWeight * L * self_scores},
          {"cross-attention projections", kFlopsPerWeight * L * (cross_query_and_output + cross_key_and_value)},
          {"cross-attention scores", kFlopsPerWeight * L * cross_scores},
          {"dense MLP", kFlopsPerWeight * L * mlp},
          {"patch embedding", kFlopsPerWeight * patch_embedding},
          {"text embedding", kFlopsPerWeight * text_embedding},
          {"head", kFlopsPerWeight * head}};
}

}  // namespace perfbench
