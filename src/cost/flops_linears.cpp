#include "cost/flops_terms.h"

namespace perfbench {

// The sources write h^2 for h q in families whose heads fill the hidden size, which is the same number.
double linear_flops(std::span<const LinearSpec> linears, int top_k) {
  double weights = 0.0;
  for (const LinearSpec& linear : linears) {
    const double copies = linear.experts > 0 ? top_k : 1;
    weights += copies * static_cast<double>(linear.in.size * linear.out.size);
  }
  return kFlopsPerWeight * weights;
}

// Once; the vocabulary is not padded.
double head_flops(const ModelSpec& model) {
  return kFlopsPerWeight * static_cast<double>(model.hidden) * static_cast<double>(model.vocab);
}

}  // namespace perfbench
