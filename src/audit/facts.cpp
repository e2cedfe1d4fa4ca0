#include "audit/facts.h"

namespace perfbench {
namespace {

template <typename T>
const T* find(const std::map<std::string, std::unique_ptr<const T>>& all, std::string_view name) {
  const auto found = all.find(canonical_name(name));
  return found == all.end() ? nullptr : found->second.get();
}

}  // namespace

Facts::Facts(const Catalog& catalog) : quirks_(read_flops_quirks(catalog.folder() / "published" / "flops_quirks.csv")) {
  for (const std::string& name : catalog.model_names()) {
    models_.push_back(std::make_unique<const ModelSpec>(catalog.model(name, "audit")));
    const ModelSpec& model = *models_.back();
    model_of_name_.emplace(canonical_name(name), &model);
    for (const std::string& alias : model.aliases) model_of_name_.emplace(canonical_name(alias), &model);
  }
  for (const std::string& name : catalog.system_names())
    systems_.emplace(canonical_name(name), std::make_unique<const SystemSpec>(catalog.system(name, "audit")));
  for (const std::string& name : catalog.stack_names()) {
    const auto stack = std::make_shared<const Stack>(catalog.stack(name, "audit"));
    stacks_.emplace(canonical_name(name), stack);
    for (const std::string& alias : stack->aliases) stacks_.emplace(canonical_name(alias), stack);
  }
}

const ModelSpec* Facts::model(std::string_view name) const {
  const auto found = model_of_name_.find(canonical_name(name));
  return found == model_of_name_.end() ? nullptr : found->second;
}

const SystemSpec* Facts::system(std::string_view name) const { return find(systems_, name); }
const Stack* Facts::stack(std::string_view name) const {
  const auto found = stacks_.find(canonical_name(name));
  return found == stacks_.end() ? nullptr : found->second.get();
}

}  // namespace perfbench
