#include "cost/model_flops.h"

#include <algorithm>
#include <utility>

#include "cost/flops_terms.h"
#include "cost/lora_share.h"
#include "job/packed_lengths.h"

namespace perfbench {
namespace {

// A frozen weight needs no gradient of its own: 2 of the 3 products.
constexpr double kFrozen = 2.0 / 3.0;

template <typename Has>
bool any_layer(const ModelSpec& model, Has has) {
  return std::any_of(model.layers.begin(), model.layers.end(), has);
}

bool has_mixer(const ModelSpec& model, Mixer mixer) {
  return any_layer(model, [&](const LayerKind& layer) { return layer.mixer == mixer; });
}

bool is_hybrid(const ModelSpec& model) { return has_mixer(model, Mixer::mamba2); }

bool is_dense_decoder(const ModelSpec& model) {
  return !model.layers.empty() && !any_layer(model, [](const LayerKind& layer) { return layer != LayerKind{}; });
}

bool is_packed(Task task, FlopsConvention convention) {
  return task != Task::pretrain && convention != FlopsConvention::automodel;
}

// What no source has a form for.
std::string missing_shape(const ModelSpec& model, FlopsConvention convention) {
  const bool is_nemo_25_04 = convention == FlopsConvention::nemo_25_04;
  if (model.video) return convention == FlopsConvention::nemo_25_09 ? "" : "video diffusion";
  if (model.attention_chunk > 0) return "chunked attention";
  if (is_nemo_25_04 && is_hybrid(model)) return "Mamba layers";
  if (is_nemo_25_04 && has_mixer(model, Mixer::mla)) return "latent attention";
  if (is_nemo_25_04 && model.moe && model.moe->shared_ffn > 0) return "shared experts";
  if (convention != FlopsConvention::automodel && !model.windowed.empty()) return "sliding windows";
  const bool has_bare_layers =
      any_layer(model, [](const LayerKind& layer) { return layer.mixer == Mixer::none || layer.mlp == Mlp::none; });
  if (model.layers.empty() || (has_bare_layers && !is_hybrid(model)))
    return "layers without attention or without an MLP";
  return "";
}

std::string missing_task(const ModelSpec& model, Task task, std::int64_t seq_len, FlopsConvention convention) {
  std::string the_task = "the task " + std::string(name(task));
  if (task == Task::pretrain) return "";
  if (task == Task::sft && convention == FlopsConvention::nemo_25_09) return the_task;
  if (model.video) return the_task + " of video diffusion";
  const bool needs_dense = task == Task::lora || is_packed(task, convention);
  if (needs_dense && !is_dense_decoder(model)) return the_task + " of anything but attention with dense MLPs";
  if (is_packed(task, convention) && !packed_squad(seq_len))
    return the_task + " with packs of " + std::to_string(seq_len) +
           " tokens: lengths are known of 2048, 4096 and 16384";
  return "";
}

std::string missing_form(const ModelSpec& model, Task task, std::int64_t seq_len, FlopsConvention convention) {
  const std::string shape = missing_shape(model, convention);
  const std::string what = shape.empty() ? missing_task(model, task, seq_len, convention) : shape;
  return what.empty() ? "" : std::string(name(convention)) + " has no form here for " + what;
}

// How one convention counts one model and task.
struct Rules {
  bool causal = false;     // half of the sequence on average
  double packed = 0.0;     // attended tokens in packed samples; 0: not packed
  bool gated = true;       // of dense MLPs
  bool router = false;     // counted
  double weights = 1.0;    // factor of everything with a weight
  double attention = 1.0;  // factor of the scores
};

Rules rules_of(const ModelSpec& model, Task task, std::int64_t seq_len, FlopsConvention convention,
               const FlopsQuirks& quirks) {
  Rules rules;
  rules.causal = quirks.causal.value_or(convention != FlopsConvention::nemo_25_04);
  // NeMo's form for hybrids takes every dense MLP as gated.
  rules.gated = model.gated || (is_hybrid(model) && convention == FlopsConvention::nemo_25_09);
  rules.router = is_hybrid(model);
  if (is_packed(task, convention)) rules.packed = packed_squad(seq_len)->attended();
  if (task != Task::lora) return rules;
  if (convention == FlopsConvention::automodel) {
    rules.weights = (2.0 + lora_share(model)) / 3.0;
    rules.attention = rules.weights;  // although nothing in a score is frozen
  } else {
    rules.weights = kFrozen;
  }
  return rules;
}

double attended_tokens(const ModelSpec& model, std::size_t layer, std::int64_t seq_len, const Rules& rules) {
  if (rules.packed > 0.0) return rules.packed;
  // AutoModel's form for models with windows counts the diagonal as well: (S + 1) / 2 where a layer has none.
  if (!model.windowed.empty())
    return attended_in_window(seq_len, model.windowed[layer] ? model.sliding_window : std::int64_t{0});
  return static_cast<double>(seq_len) * (rules.causal ? 0.5 : 1.0);
}

struct DecoderSums {
  double projections = 0.0, scores = 0.0, mamba = 0.0, scan = 0.0, dense = 0.0, experts = 0.0, router = 0.0;
};

DecoderSums sum_layers(const ModelSpec& model, std::int64_t seq_len, const Rules& rules) {
  DecoderSums sums;
  for (std::size_t i = 0; i < model.layers.size(); ++i) {
    const auto [mixer, mlp] = model.layers[i];
    if (mixer == Mixer::gqa) {
      sums.projections += attention_projection_flops(model);
      sums.scores += attention_score_flops(model, attended_tokens(model, i, seq_len, rules));
    } else if (mixer == Mixer::mla) {
      sums.projections += latent_projection_flops(model, model.mla.value());
      sums.scores += latent_score_flops(model, model.mla.value(), attended_tokens(model, i, seq_len, rules));
    } else if (mixer == Mixer::mamba2) {
      sums.mamba += mamba_projection_flops(model, model.mamba.value());
      sums.scan += mamba_scan_flops(model.mamba.value());
    }
    if (mlp == Mlp::dense) {
      sums.dense += dense_mlp_flops(model, rules.gated);
    } else if (mlp == Mlp::moe) {
      sums.experts += expert_flops(model, model.moe.value());
      if (rules.router) sums.router += router_flops(model, model.moe.value());
    }
  }
  return sums;
}

std::vector<FlopsTerm> decoder_terms(const ModelSpec& model, std::int64_t seq_len, const Rules& rules) {
  const DecoderSums sums = sum_layers(model, seq_len, rules);
  std::vector<FlopsTerm> terms{{"attention projections", sums.projections, rules.weights},
                               {"attention scores", sums.scores, rules.attention},
                               {"Mamba projections", sums.mamba, rules.weights},
                               {"Mamba scan", sums.scan, rules.weights},
                               {"dense MLP", sums.dense, rules.weights},
                               {"experts", sums.experts, rules.weights},
                               {"router", sums.router, rules.weights},
                               {"head", head_flops(model), rules.weights}};
  std::erase_if(terms, [](const FlopsTerm& term) { return term.flops == 0.0; });
  return terms;
}

}  // namespace

double ModelFlops::per_token() const {
  double sum = 0.0;
  for (const FlopsTerm& term : terms) sum += term.flops * term.factor;
  return sum;
}

ModelFlops model_flops(const ModelSpec& model, Task task, std::int64_t seq_len, FlopsConvention convention,
                       const FlopsQuirks& quirks) {
  if (quirks.flops_per_token) return {.terms = {{"constant of the table", *quirks.flops_per_token}}};
  std::string missing = missing_form(model, task, seq_len, convention);
  if (!missing.empty()) return {.missing = std::move(missing)};
  if (model.video) return {.terms = video_terms(model, *model.video, seq_len)};
  ModelSpec counted = model;
  counted.kv_heads = quirks.kv_heads.value_or(model.kv_heads);
  counted.head_dim = quirks.head_dim.value_or(model.head_dim);
  return {.terms = decoder_terms(counted, seq_len, rules_of(counted, task, seq_len, convention, quirks))};
}

std::optional<double> model_flops_per_token(const ModelSpec& model, Task task, std::int64_t seq_len,
                                            FlopsConvention convention, const FlopsQuirks& quirks) {
  const ModelFlops flops = model_flops(model, task, seq_len, convention, quirks);
  return flops.has_form() ? std::optional(flops.per_token()) : std::nullopt;
}

}  // namespace perfbench
