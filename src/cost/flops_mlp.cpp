#include "cost/flops_terms.h"

namespace perfbench {
namespace {

double matrices(bool gated) { return gated ? 3.0 : 2.0; }  // gate, up and down, or up and down

}  // namespace

double dense_mlp_flops(const ModelSpec& model, bool gated) {
  const double h = static_cast<double>(model.hidden);
  const double f = static_cast<double>(model.ffn);
  return kFlopsPerWeight * matrices(gated) * h * f;
}

double expert_flops(const ModelSpec& model, const MoeShape& shape) {
  const double h = static_cast<double>(model.hidden);
  const double routed = static_cast<double>(shape.experts_per_token * shape.ffn);
  const double shared = static_cast<double>(shape.shared_ffn);
  return kFlopsPerWeight * matrices(model.gated) * h * (routed + shared);
}

double router_flops(const ModelSpec& model, const MoeShape& shape) {
  return kFlopsPerWeight * static_cast<double>(model.hidden) * shape.experts;
}

// Once; the vocabulary is not padded.
double head_flops(const ModelSpec& model) {
  return kFlopsPerWeight * static_cast<double>(model.hidden) * static_cast<double>(model.vocab);
}

}  // namespace perfbench
