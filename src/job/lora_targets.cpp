#include "job/lora_targets.h"

#include <algorithm>

#include "base/text.h"
#include "job/linears.h"

namespace perfbench {
namespace {

bool has_module_names(const ModelSpec& model) {
  const Gqa* gqa = find_mixer<Gqa>(model);
  return is_dense_decoder(model) && gqa != nullptr && !gqa->packed_qkv;
}

bool contains(const std::vector<std::string>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace

std::vector<LoraTarget> lora_targets(const ModelSpec& model) {
  if (!has_module_names(model)) return {};
  std::vector<LoraTarget> targets;
  for (const LinearSpec& linear : linears(model, model.kinds.front())) {
    targets.push_back({std::string(linear.target()), linear.in.size, linear.out.size});
  }
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
