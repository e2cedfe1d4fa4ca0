// Rules about activations that are computed again or wait in host memory.
#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "base/text.h"
#include "job/job_rules.h"

namespace perfbench {

namespace {

using Broken = BrokenRule;

Broken layers_within(const JobDraft& d, std::string_view field, int layers) {
  if (layers <= d.job.model.num_layers()) return std::nullopt;
  return Problem{place_of(d.request, {field}),
                 fmt::format("{} has {} layers, not {}", d.job.model.name, d.job.model.num_layers(), layers),
                 fmt::format("use at most {}", d.job.model.num_layers())};
}

Broken recompute_within(const JobDraft& d) { return layers_within(d, "recompute_layers", d.job.recompute_layers); }
Broken offload_within(const JobDraft& d) { return layers_within(d, "offload_layers", d.job.offload_layers); }

// The parts of a layer that Megatron-Core can compute again (its recompute_modules), and the activation of a dense MLP,
// which has no word there.
std::vector<std::string> modules_of(const ModelSpec& model) {
  std::vector<std::string> words = {"core_attn", "layernorm", "mlp", "act", "mlp_act"};
  if (has_mixer<Mla>(model)) words.emplace_back("mla_up_proj");
  if (has_mlp<Moe>(model)) words.insert(words.end(), {"moe", "moe_act", "shared_experts"});
  return words;
}

Broken recompute_modules_known(const JobDraft& d) {
  const ModelSpec& model = d.job.model;
  const std::vector<std::string> known = modules_of(model);
  for (const std::string& word : d.job.recompute_modules) {
    if (std::ranges::find(known, word) != known.end()) continue;
    const bool of_experts = word == "moe" || word == "moe_act" || word == "shared_experts";
    const std::string rule = of_experts ? fmt::format("{} has no experts for {}", model.name, word)
                             : word == "mla_up_proj"
                                 ? fmt::format("{} has no latent attention for {}", model.name, word)
                                 : fmt::format("\"{}\" is no part of a layer", word);
    return Problem{place_of(d.request, {"recompute_modules"}), rule, nearest_hint(word, known)};
  }
  return std::nullopt;
}

// Megatron-Core's full recomputation of layers and selective recomputation of parts exclude each other.
Broken recompute_layers_or_modules(const JobDraft& d) {
  const Job& j = d.job;
  if (j.recompute_layers == 0 || j.recompute_modules.empty()) return std::nullopt;
  return Problem{place_of(d.request, {"recompute_modules", "recompute_layers"}),
                 fmt::format("recompute_layers {} computes whole layers again and recompute_modules {} parts of every "
                             "layer: one excludes the other",
                             j.recompute_layers, join(j.recompute_modules, ",")),
                 "use --recompute_layers 0, or leave out --recompute_modules"};
}

constexpr JobRule kRules[] = {recompute_within, offload_within, recompute_modules_known, recompute_layers_or_modules};

}  // namespace

std::span<const JobRule> memory_rules() { return kRules; }

}  // namespace perfbench
