// Parts of a layer, by the words of Megatron-Core's recompute_modules and cuda_graph_scope.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace perfbench {

enum class Module : std::uint8_t {
  core_attn,       // attention itself, without its projections
  layernorm,       // the norms of a layer, each for itself
  mlp,             // a dense MLP and the norm before it
  mlp_act,         // its activation
  mla_up_proj,     // latent attention: the projections from the latent
  moe,             // experts and what is around them
  moe_act,         // their activation
  shared_experts,  // the dense part beside them
  attn,            // attention with its norm and projections
  moe_router,      // the gate
  moe_preprocess,  // what the dispatch needs to know: places and counts
};

struct ModuleWord {
  std::string_view word;
  Module module;
};

// What can be computed again, in the order in which it is offered. Megatron-Core has no word for the activation of a
// dense MLP.
inline constexpr ModuleWord kModuleWords[] = {
    {"core_attn", Module::core_attn},
    {"layernorm", Module::layernorm},
    {"mlp", Module::mlp},
    {"act", Module::mlp_act},
    {"mlp_act", Module::mlp_act},
    {"mla_up_proj", Module::mla_up_proj},
    {"moe", Module::moe},
    {"moe_act", Module::moe_act},
    {"shared_experts", Module::shared_experts},
};

// What CUDA graphs can hold.
inline constexpr ModuleWord kGraphWords[] = {
    {"attn", Module::attn},
    {"mlp", Module::mlp},
    {"moe", Module::moe},
    {"moe_router", Module::moe_router},
    {"moe_preprocess", Module::moe_preprocess},
};

// The module of a word; unset where it names none.
constexpr std::optional<Module> module_of(std::string_view word, std::span<const ModuleWord> words = kModuleWords) {
  for (const ModuleWord& known : words) {
    if (known.word == word) return known.module;
  }
  return std::nullopt;
}

class ModuleSet {
 public:
  constexpr ModuleSet() = default;
  constexpr ModuleSet(std::initializer_list<Module> modules) {
    for (Module module : modules) insert(module);
  }
  constexpr void insert(Module module) { bits_ |= bit(module); }
  constexpr bool contains(Module module) const { return (bits_ & bit(module)) != 0; }
  constexpr bool empty() const { return bits_ == 0; }
  bool operator==(const ModuleSet&) const = default;

 private:
  static constexpr std::uint32_t bit(Module module) { return 1U << static_cast<unsigned>(module); }
  std::uint32_t bits_ = 0;
};

// Those of the words whose module is in the set.
inline std::vector<std::string> words_of(ModuleSet modules, std::span<const ModuleWord> words) {
  std::vector<std::string> found;
  for (const auto& [word, module] : words) {
    if (modules.contains(module)) found.emplace_back(word);
  }
  return found;
}

}  // namespace perfbench
