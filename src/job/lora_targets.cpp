#include "job/lora_targets.h"

#include <algorithm>

#include "base/text.h"

namespace perfbench {
namespace {

bool has_module_names(const ModelSpec& model) {
  const bool plain = std::all_of(model.layers.begin(), model.layers.end(), [](const LayerKind& kind) {
    return kind == LayerKind{Mixer::gqa, Mlp::dense};
  });
  return plain && !model.layers.empty() && model.family != "gpt2";  // whose q, k and v are one module
}

bool contains(const std::vector<std::string>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace

std::vector<LoraTarget> lora_targets(const ModelSpec& model) {
  if (!has_module_names(model)) return {};
  const std::int64_t h = model.hidden, f = model.ffn;
  const std::int64_t q = model.heads * model.head_dim, kv = model.kv_heads * model.head_dim;
  std::vector<LoraTarget> targets = {{"q_proj", h, q}, {"k_proj", h, kv}, {"v_proj", h, kv}, {"o_proj", q, h}};
  if (model.gated) targets.push_back({"gate_proj", h, f});
  targets.push_back({"up_proj", h, f});
  targets.push_back({"down_proj", f, h});
  return targets;
}

std::vector<std::string> expand_lora_targets(const ModelSpec& model, const std::vector<std::string>& names) {
  std::vector<std::string> asked;
  for (const std::string& name : names) asked.push_back(lower(name));
  const bool all = contains(asked, "all") || contains(asked, "all-linear");
  std::vector<std::string> order;
  if (contains(asked, kPackedQkv)) order.emplace_back(kPackedQkv);
  for (const LoraTarget& target : lora_targets(model)) {
    if (all || contains(asked, target.name)) order.push_back(target.name);
  }
  for (const std::string& name : asked) {
    if (name != "all" && name != "all-linear" && !contains(order, name)) order.push_back(name);
  }
  return order;
}

std::vector<std::string> stack_lora_targets(const ModelSpec& model, const std::vector<std::string>& names) {
  std::vector<std::string> targets = expand_lora_targets(model, names);
  const std::vector<LoraTarget> known = lora_targets(model);
  std::erase_if(targets, [&](const std::string& name) {
    return name != kPackedQkv &&
           std::none_of(known.begin(), known.end(), [&](const LoraTarget& target) { return target.name == name; });
  });
  return targets;
}

}  // namespace perfbench
