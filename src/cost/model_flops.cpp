#include "cost/model_flops.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "cost/flops_terms.h"
#include "cost/lora_share.h"
#include "job/packed_lengths.h"

namespace perfbench {
namespace {

// A frozen weight needs no gradient of its own: 2 of the 3 products.
constexpr double kFrozen = 2.0 / 3.0;

bool is_hybrid(const ModelSpec& model) { return has_mixer<Mamba2>(model); }

bool has_mask(const ModelSpec& model, Mask::Kind mask) {
  return std::ranges::any_of(model.kinds, [&](const LayerSpec& kind) {
    const auto* gqa = std::get_if<Gqa>(&kind.mixer);
    return gqa != nullptr && gqa->mask.kind == mask;
  });
}

bool has_bare_layers(const ModelSpec& model) {
  return std::ranges::any_of(model.kinds, [](const LayerSpec& kind) {
    return std::holds_alternative<std::monostate>(kind.mixer) || std::holds_alternative<std::monostate>(kind.mlp);
  });
}

bool is_packed(Task task, FlopsConvention convention) {
  return task != Task::pretrain && convention != FlopsConvention::automodel;
}

// What no source has a form for.
std::string missing_shape(const ModelSpec& model, FlopsConvention convention) {
  const bool is_nemo_25_04 = convention == FlopsConvention::nemo_25_04;
  if (model.video) return convention == FlopsConvention::nemo_25_09 ? "" : "video diffusion";
  if (has_mask(model, Mask::Kind::chunk)) return "chunked attention";
  const Moe* moe = find_mlp<Moe>(model);
  if (is_nemo_25_04 && is_hybrid(model)) return "Mamba layers";
  if (is_nemo_25_04 && has_mixer<Mla>(model)) return "latent attention";
  if (is_nemo_25_04 && moe != nullptr && moe->shared) return "shared experts";
  if (convention != FlopsConvention::automodel && has_mask(model, Mask::Kind::window)) return "sliding windows";
  if (model.layers.empty() || (has_bare_layers(model) && !is_hybrid(model)))
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
  bool gates_all = false;  // every dense MLP counts as gated
  bool router = false;     // counted
  bool windows = false;    // some layer has one
  double weights = 1.0;    // factor of everything with a weight
  double attention = 1.0;  // factor of the scores
};

Rules rules_of(const ModelSpec& model, Task task, std::int64_t seq_len, FlopsConvention convention,
               const FlopsQuirks& quirks) {
  Rules rules;
  rules.causal = quirks.causal.value_or(convention != FlopsConvention::nemo_25_04);
  // NeMo's form for hybrids takes every dense MLP as gated.
  rules.gates_all = is_hybrid(model) && convention == FlopsConvention::nemo_25_09;
  rules.router = is_hybrid(model);
  rules.windows = has_mask(model, Mask::Kind::window);
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

double attended_tokens(const Mask& mask, std::int64_t seq_len, const Rules& rules) {
  if (rules.packed > 0.0) return rules.packed;
  // AutoModel's form for models with windows counts the diagonal as well: (S + 1) / 2 where a layer has none.
  if (rules.windows) return attended_in_window(seq_len, mask.tokens);
  return static_cast<double>(seq_len) * (rules.causal ? 0.5 : 1.0);
}

struct DecoderSums {
  double projections = 0.0, scores = 0.0, mamba = 0.0, scan = 0.0, dense = 0.0, experts = 0.0, router = 0.0;
};

// What one layer adds to the sums, block by block.
struct LayerSums {
  const ModelSpec& model;
  std::int64_t seq_len;
  const Rules& rules;
  DecoderSums& sums;

  void operator()(const std::monostate&) const {}
  void operator()(const Gqa& gqa) const {
    sums.projections += linear_flops(linears(model.hidden, gqa));
    sums.scores += attention_score_flops(gqa, attended_tokens(gqa.mask, seq_len, rules));
  }
  void operator()(const Mla& mla) const {
    sums.projections += linear_flops(linears(model.hidden, mla));
    sums.scores += latent_score_flops(mla, attended_tokens({}, seq_len, rules));
  }
  void operator()(const Mamba2& mamba) const {
    sums.mamba += linear_flops(linears(model.hidden, mamba));
    sums.scan += mamba_scan_flops(mamba);
  }
  void operator()(const SelfAndCross&) const {}  // video_terms() counts the whole model
  void operator()(const Dense& mlp) const {
    Dense counted = mlp;
    counted.gated = mlp.gated || rules.gates_all;
    sums.dense += linear_flops(linears(model.hidden, counted));
  }
  void operator()(const Moe& moe) const {
    std::vector<LinearSpec> list = linears(model.hidden, moe);
    const auto is_router = [](const LinearSpec& linear) { return linear.compute == Width::f32; };
    const auto routers = std::stable_partition(list.begin(), list.end(), std::not_fn(is_router));
    sums.experts += linear_flops({list.begin(), routers}, moe.top_k);
    if (rules.router) sums.router += linear_flops({routers, list.end()});
  }
};

DecoderSums sum_layers(const ModelSpec& model, std::int64_t seq_len, const Rules& rules) {
  DecoderSums sums;
  const LayerSums add{model, seq_len, rules, sums};
  for (const int index : model.layers) {
    const LayerSpec& kind = model.kinds[static_cast<std::size_t>(index)];
    std::visit(add, kind.mixer);
    std::visit(add, kind.mlp);
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
  for (LayerSpec& kind : counted.kinds) {
    auto* gqa = std::get_if<Gqa>(&kind.mixer);
    if (gqa == nullptr) continue;
    gqa->kv_heads = quirks.kv_heads.value_or(gqa->kv_heads);
    gqa->head_dim = quirks.head_dim.value_or(gqa->head_dim);
  }
  return {.terms = decoder_terms(counted, seq_len, rules_of(counted, task, seq_len, convention, quirks))};
}

std::optional<double> model_flops_per_token(const ModelSpec& model, Task task, std::int64_t seq_len,
                                            FlopsConvention convention, const FlopsQuirks& quirks) {
  const ModelFlops flops = model_flops(model, task, seq_len, convention, quirks);
  return flops.has_form() ? std::optional(flops.per_token()) : std::nullopt;
}

}  // namespace perfbench
