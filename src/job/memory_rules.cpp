// Rules about activations that are computed again or wait in host memory.
#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "base/text.h"
#include "job/job_rules.h"
#include "job/module.h"

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

bool of_experts(Module module) {
  return module == Module::moe || module == Module::moe_act || module == Module::shared_experts;
}

// The parts of its layers that can be computed again.
std::vector<std::string> modules_of(const ModelSpec& model) {
  std::vector<std::string> words;
  const bool has_experts = has_mlp<Moe>(model), is_latent = has_mixer<Mla>(model);
  for (const auto& [word, module] : kModuleWords) {
    const bool lacks = (of_experts(module) && !has_experts) || (module == Module::mla_up_proj && !is_latent);
    if (!lacks) words.emplace_back(word);
  }
  return words;
}

Broken recompute_modules_known(const JobDraft& d) {
  const ModelSpec& model = d.job.model;
  const std::vector<std::string> known = modules_of(model);
  for (const std::string& word : d.job.recompute_modules) {
    if (std::ranges::find(known, word) != known.end()) continue;
    const std::optional<Module> module = module_of(word);
    const std::string rule = !module               ? fmt::format("\"{}\" is no part of a layer", word)
                             : of_experts(*module) ? fmt::format("{} has no experts for {}", model.name, word)
                                                   : fmt::format("{} has no latent attention for {}", model.name, word);
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
