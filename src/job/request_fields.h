// The one list of a Request's fields. Merging, reading tables, comparing rows and messages all walk it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "job/request.h"

namespace perfbench {

// Calls visit(name, pointer to member) for every optional field, in the order of NeMo's columns.
template <typename Visit>
constexpr void for_each_field(Visit&& visit) {
  visit("task", &Request::task);
  visit("model", &Request::model);
  visit("system", &Request::system);
  visit("dtype", &Request::dtype);
  visit("num_gpus", &Request::num_gpus);
  visit("seq_len", &Request::seq_len);
  visit("tp", &Request::tp);
  visit("pp", &Request::pp);
  visit("cp", &Request::cp);
  visit("ep", &Request::ep);
  visit("vp", &Request::vp);
  visit("mbs", &Request::mbs);
  visit("gbs", &Request::gbs);
  visit("ga", &Request::ga);
  visit("etp", &Request::etp);
  visit("cuda_graphs", &Request::cuda_graphs);
  visit("fsdp", &Request::fsdp);
  visit("recompute_layers", &Request::recompute_layers);
  visit("offload_layers", &Request::offload_layers);
  visit("recompute_modules", &Request::recompute_modules);
  visit("keep_fsdp_fp8_transpose_cache", &Request::keep_fsdp_fp8_transpose_cache);
  visit("user_buffers", &Request::user_buffers);
  visit("sharp", &Request::sharp);
  visit("stack", &Request::stack);
  visit("lbs", &Request::lbs);
  visit("fp8_recipe", &Request::fp8_recipe);
  visit("lora_rank", &Request::lora_rank);
  visit("lora_alpha", &Request::lora_alpha);
  visit("lora_targets", &Request::lora_targets);
  visit("packed", &Request::packed);
  visit("fsdp_size", &Request::fsdp_size);
  visit("fsdp_reshard", &Request::fsdp_reshard);
  visit("defer_grad_sync", &Request::defer_grad_sync);
  visit("sequence_parallel", &Request::sequence_parallel);
  visit("param_dtype", &Request::param_dtype);
  visit("grad_dtype", &Request::grad_dtype);
  visit("optimizer_state_dtype", &Request::optimizer_state_dtype);
  visit("recompute", &Request::recompute);
  visit("moe_gate", &Request::moe_gate);
  visit("gate_imbalance", &Request::gate_imbalance);
  visit("moe_dispatcher", &Request::moe_dispatcher);
  visit("moe_capacity", &Request::moe_capacity);
  visit("cuda_graph_modules", &Request::cuda_graph_modules);
  visit("ep_overlap", &Request::ep_overlap);
}

// Bounds of a whole number, both included. The upper ones keep the numbers of a Job within its types, and products of
// two and of a layout's axes within 64 bits; size_rules() look at those of more.
struct FieldLimits {
  std::int64_t least = 1;
  std::int64_t most = 1;
  bool zero_is_unset = false;  // tables write 0 for an axis that is not used
};
FieldLimits limits_of(std::string_view field);

// The broken rule when `value` is outside the field's limits.
std::optional<std::string> limit_problem(std::string_view field, std::int64_t value);

// The value as a user would type it: "4", "1", "pretrain", "core_attn/moe".
std::string value_text(const std::string& value);
std::string value_text(Task value);
std::string value_text(bool value);
std::string value_text(std::int64_t value);
std::string value_text(double value);
std::string value_text(const std::vector<std::string>& value);

// The given value of a field by name; "" when it is not given.
std::string field_text(const Request& request, std::string_view field);

}  // namespace perfbench
