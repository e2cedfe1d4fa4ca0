#include "cost/model_flops.h"

#include <algorithm>

namespace perfbench {
namespace {

// A weight costs one multiply and one add in the forward pass, and twice that in the backward pass.
constexpr double kFlopsPerWeight = 2.0 * 3.0;

// L layers of 6 (2 h q + 2 h q k/n + m h f) + 12 q S, and 6 h V for the head, with q = n D the attention's width.
// The source writes h for q, which is the same number in every model that it lists, and has one line per family: m = 3
// for llama, m = 2 for nemotron, and 72 L h^2 + 12 L h S + 6 h V for gpt3, which this is with k = n, m = 2 and f = 4 h.
double dense_decoder_flops(const ModelSpec& model, std::int64_t seq_len) {
  const double L = model.num_layers();
  const double h = static_cast<double>(model.hidden);
  const double q = static_cast<double>(model.heads * model.head_dim);
  const double f = static_cast<double>(model.ffn);
  const double V = static_cast<double>(model.vocab);
  const double S = static_cast<double>(seq_len);
  const double kv_share = static_cast<double>(model.kv_heads) / model.heads;  // k / n
  const double mlp_matrices = model.gated ? 3.0 : 2.0;                        // m

  const double query_and_output = 2.0 * h * q;
  const double key_and_value = 2.0 * h * q * kv_share;
  const double mlp = mlp_matrices * h * f;
  const double weights = kFlopsPerWeight * L * (query_and_output + key_and_value + mlp);

  const double scores = q * S;                                       // Q K^T over the full sequence
  const double values = q * S;                                       // P V over the full sequence
  const double attention = kFlopsPerWeight * L * (scores + values);  // 12 L q S
  const double head = kFlopsPerWeight * h * V;                       // once; no padding of V
  return weights + attention + head;
}

}  // namespace

std::string missing_flops_form(const ModelSpec& model, Task task, FlopsConvention convention) {
  const std::string has_none = std::string(name(convention)) + " has no form here for ";
  if (task != Task::pretrain) return has_none + "the task " + std::string(name(task));
  const auto any = [&](auto&& has) { return std::any_of(model.layers.begin(), model.layers.end(), has); };
  if (model.video) return has_none + "video diffusion";
  if (any([](const LayerKind& layer) { return layer.mlp == Mlp::moe; })) return has_none + "experts";
  if (any([](const LayerKind& layer) { return layer.mixer == Mixer::mamba2; })) return has_none + "Mamba layers";
  if (any([](const LayerKind& layer) { return layer.mixer == Mixer::mla; })) return has_none + "latent attention";
  if (!model.windowed.empty()) return has_none + "sliding windows";
  if (model.layers.empty() || any([](const LayerKind& layer) { return layer != LayerKind{}; }))
    return has_none + "layers other than attention with a dense MLP";
  return "";
}

std::optional<double> model_flops_per_token(const ModelSpec& model, Task task, std::int64_t seq_len,
                                            FlopsConvention convention) {
  if (!missing_flops_form(model, task, convention).empty()) return std::nullopt;
  switch (convention) {
    case FlopsConvention::nemo_25_04:
      return dense_decoder_flops(model, seq_len);
  }
  return std::nullopt;
}

}  // namespace perfbench
