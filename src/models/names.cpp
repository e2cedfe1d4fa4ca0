#include "models/names.h"

#include <algorithm>
#include <array>

namespace perfbench {

extern const FamilyNames kLlamaNames, kGpt2Names, kMixtralNames;  // names/<family>.cpp

namespace {

struct Family {
  std::string_view name;
  const FamilyNames& names;
};

constexpr std::array kFamilies{Family{"gpt2", kGpt2Names}, Family{"mixtral", kMixtralNames}};

}  // namespace

const FamilyNames& names_of(const ModelSpec& model) {
  const auto* found = std::ranges::find(kFamilies, model.family, &Family::name);
  return found == kFamilies.end() ? kLlamaNames : found->names;
}

std::string layer_module(const FamilyNames& names, std::string_view module) {
  const auto found = std::ranges::find(names.renamed, module, &ModuleName::module);
  return std::string(names.layer).append(found == names.renamed.end() ? module : found->own);
}

}  // namespace perfbench
