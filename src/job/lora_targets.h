// The linear layers that adapters can stand beside, by the names of their modules.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "job/model_spec.h"

namespace perfbench {

inline constexpr std::string_view kPackedQkv = "qkv_proj";  // one adapter for q, k and v together

// A linear layer of every decoder layer.
struct LoraTarget {
  std::string name;
  std::int64_t in = 0, out = 0;  // features, of the whole model
};

// Every linear layer of the model but the head, in the model's order; qkv_proj is not among them. Empty for a model
// that is not made of grouped-query attention and dense MLPs with a module for each linear.
std::vector<LoraTarget> lora_targets(const ModelSpec& model);

// Each name once, in the model's order, names that the model lacks last; "all" and "all-linear" stand for all linears.
std::vector<std::string> expand_lora_targets(const ModelSpec& model, const std::vector<std::string>& names);

// The same, without what the model lacks: a stack's list is for all models.
std::vector<std::string> stack_lora_targets(const ModelSpec& model, const std::vector<std::string>& names);

}  // namespace perfbench
