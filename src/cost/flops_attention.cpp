#include <algorithm>

#include "cost/flops_terms.h"

namespace perfbench {

// The sources write h^2 for h q in families whose heads fill the hidden size, which is the same number.
double attention_projection_flops(const ModelSpec& model) {
  const double h = static_cast<double>(model.hidden);
  const double q = static_cast<double>(model.heads * model.head_dim);
  const double kv = static_cast<double>(model.kv_heads * model.head_dim);
  const double query_and_output = 2.0 * h * q;
  const double key_and_value = 2.0 * h * kv;
  return kFlopsPerWeight * (query_and_output + key_and_value);
}

double attention_score_flops(const ModelSpec& model, double attended) {
  const double q = static_cast<double>(model.heads * model.head_dim);
  const double scores = q * attended;  // Q K^T
  const double values = q * attended;  // P V
  return kFlopsPerWeight * (scores + values);
}

double latent_projection_flops(const ModelSpec& model, const MlaShape& shape) {
  const double h = static_cast<double>(model.hidden);
  const double n = model.heads;
  const double qk = static_cast<double>(shape.qk_nope_dim + shape.qk_rope_dim);
  const double q_rank = static_cast<double>(shape.q_rank);
  const double kv_rank = static_cast<double>(shape.kv_rank);
  const double v = static_cast<double>(shape.v_dim);

  const double query = shape.q_rank == 0 ? h * n * qk : h * q_rank + q_rank * n * qk;
  const double latent = h * (kv_rank + static_cast<double>(shape.qk_rope_dim));
  const double key_and_value = kv_rank * n * (static_cast<double>(shape.qk_nope_dim) + v);
  const double output = n * v * h;
  return kFlopsPerWeight * (query + latent + key_and_value + output);
}

double latent_score_flops(const ModelSpec& model, const MlaShape& shape, double attended) {
  const double n = model.heads;
  const double scores = n * static_cast<double>(shape.qk_nope_dim + shape.qk_rope_dim) * attended;
  const double values = n * static_cast<double>(shape.v_dim) * attended;
  return kFlopsPerWeight * (scores + values);
}

double attended_in_window(std::int64_t seq_len, std::int64_t window) {
  const double S = static_cast<double>(seq_len);
  const double W = window > 0 ? std::min(S, static_cast<double>(window)) : S;
  const double growing = W * (W + 1.0) / 2.0;  // the first W tokens see 1, 2, ..., W
  const double full = (S - W) * W;
  return (growing + full) / S;
}

}  // namespace perfbench
