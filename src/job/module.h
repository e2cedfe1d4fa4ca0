// Parts of a layer, by the words of Megatron-Core's recompute_modules.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string_view>

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
};

struct ModuleWord {
  std::string_view word;
  Module module;
};

// In the order in which they are offered. Megatron-Core has no word for the activation of a dense MLP.
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

// The module of a word; unset where it names none.
constexpr std::optional<Module> module_of(std::string_view word) {
  for (const ModuleWord& known : kModuleWords) {
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

 private:
  static constexpr std::uint32_t bit(Module module) { return 1U << static_cast<unsigned>(module); }
  std::uint32_t bits_ = 0;
};

}  // namespace perfbench
