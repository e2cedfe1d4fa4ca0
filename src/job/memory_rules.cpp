// Rules about activations that are computed again or wait in host memory, and about parts of a layer that graphs hold.
#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "base/text.h"
#include "job/job_rules.h"
#include "job/module.h"
#include "job/request_fields.h"

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

bool has_experts_for(const ModelSpec& model, Module module) {
  const bool routes = module == Module::moe_router || module == Module::moe_preprocess;
  return has_mlp<Moe>(model) || !(routes || of_experts(module));
}

Broken graph_modules_known(const JobDraft& d) {
  if (!d.request.cuda_graph_modules) return std::nullopt;
  std::vector<std::string> known;
  for (const auto& [word, module] : kGraphWords) {
    if (has_experts_for(d.job.model, module)) known.emplace_back(word);
  }
  for (const std::string& word : *d.request.cuda_graph_modules) {
    if (std::ranges::find(known, word) != known.end()) continue;
    return Problem{place_of(d.request, {"cuda_graph_modules"}),
                   module_of(word, kGraphWords)
                       ? fmt::format("{} has no experts for {}", d.job.model.name, word)
                       : fmt::format("\"{}\" is no part of a layer that CUDA graphs hold alone", word),
                   nearest_hint(word, known)};
  }
  return std::nullopt;
}

// A row's modules wait where a flag turns its graphs off.
Broken graph_modules_need_graphs(const JobDraft& d) {
  if (!d.request.cuda_graph_modules || d.job.cuda_graphs) return std::nullopt;
  if (from_flag(d.request, "cuda_graphs") && !from_flag(d.request, "cuda_graph_modules")) return std::nullopt;
  return Problem{place_of(d.request, {"cuda_graph_modules"}),
                 fmt::format("CUDA graphs are off, and would hold {}", join(*d.request.cuda_graph_modules, ",")),
                 "add --cuda_graphs 1"};
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

Broken recompute_known(const JobDraft& d) {
  if (!d.request.recompute) return std::nullopt;
  const std::vector<std::string> words = {"none", "selective", "full"};
  const std::string word = lower(*d.request.recompute);
  if (std::ranges::find(words, word) != words.end()) return std::nullopt;
  return Problem{place_of(d.request, {"recompute"}), "is none of these: none, selective, full",
                 nearest_hint(word, words)};
}

// --recompute names all that is computed again.
Broken recompute_stands_alone(const JobDraft& d) {
  const Request& asked = d.request;
  const bool layers = asked.recompute_layers.value_or(0) > 0;
  if (!asked.recompute || (!layers && !asked.recompute_modules)) return std::nullopt;
  const std::string_view other = layers ? "recompute_layers" : "recompute_modules";
  return Problem{place_of(asked, {"recompute", other}),
                 fmt::format("recompute {} says all of what is computed again, and {} {} says it otherwise",
                             *asked.recompute, other, field_text(asked, other)),
                 fmt::format("leave out one of recompute and {}", other)};
}

constexpr JobRule kRules[] = {
    recompute_within, offload_within,         recompute_modules_known, recompute_layers_or_modules,
    recompute_known,  recompute_stands_alone, graph_modules_known,     graph_modules_need_graphs};

}  // namespace

std::span<const JobRule> memory_rules() { return kRules; }

}  // namespace perfbench
