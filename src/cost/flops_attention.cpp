#include <algorithm>

#include "cost/flops_terms.h"

namespace perfbench {

double attention_score_flops(const Gqa& gqa, double attended) {
  const double q = static_cast<double>(gqa.heads * gqa.head_dim);
  const double scores = q * attended;  // Q K^T
  const double values = q * attended;  // P V
  return kFlopsPerWeight * (scores + values);
}

double latent_score_flops(const Mla& mla, double attended) {
  const double n = mla.heads;
  const double scores = n * static_cast<double>(mla.qk_nope_dim + mla.qk_rope_dim) * attended;
  const double values = n * static_cast<double>(mla.v_dim) * attended;
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
