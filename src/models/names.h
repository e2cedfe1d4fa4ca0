// The names and the storage of Hugging Face tensors, by family.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "job/model_spec.h"

namespace perfbench {

// A module of a layer under the name that Llama has for it, and under the family's own.
struct ModuleName {
  std::string_view module, own;
};

struct FamilyNames {
  std::string_view layer = "model.layers.{}.";  // before the modules of a layer; {} is its number in the model
  std::string_view embedding = "model.embed_tokens.weight", positions{};
  std::string_view final_norm = "model.norm", head = "lm_head.weight";
  std::span<const ModuleName> renamed{};  // modules that are called otherwise than Llama's
  bool transposed_linears = false;        // linear layers are stored (in, out); embedding and head never are
};

// Llama's for every family that has none of its own.
const FamilyNames& names_of(const ModelSpec& model);

// "model.layers.{}.self_attn.q_proj" of "self_attn.q_proj".
std::string layer_module(const FamilyNames& names, std::string_view module);

}  // namespace perfbench
