// What somebody asks for, before any default: a command line or a table row, every field optional.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "job/terms.h"

namespace perfbench {

class Catalog;

struct Request {
  std::optional<std::string> model;   // a name, an alias, or a path to a config.json or model folder
  std::optional<std::string> system;  // a name or an alias
  std::optional<std::string> stack;
  std::optional<Task> task;
  std::optional<std::string> dtype;       // "bf16" or "fp8", NeMo's word, or a Precision's name
  std::optional<std::string> fp8_recipe;  // "cs", "ds", "mxfp8", "nvfp4"
  std::optional<std::int64_t> num_gpus, gbs, mbs, lbs, seq_len, ga;
  std::optional<std::int64_t> tp, pp, cp, vp, ep, etp;
  std::optional<std::int64_t> fsdp_size;
  std::optional<bool> fsdp_reshard, defer_grad_sync, sequence_parallel;
  std::optional<std::string> param_dtype, grad_dtype, optimizer_state_dtype;  // "f32" or "bf16"
  std::optional<bool> fsdp, ep_overlap, cuda_graphs, sharp, user_buffers, keep_fsdp_fp8_transpose_cache;
  std::optional<std::string> recompute;  // "none", "selective" or "full"; instead of the layers and modules
  std::optional<std::int64_t> recompute_layers, offload_layers;
  std::optional<std::vector<std::string>> recompute_modules;
  std::optional<std::int64_t> lora_rank, lora_alpha;
  std::optional<std::vector<std::string>> lora_targets;
  std::optional<bool> packed;
  // "balanced", "topk" or "random", of `verify` also a file; "all_to_all", "dedup" or "all_gather"
  std::optional<std::string> moe_gate, moe_dispatcher;
  std::optional<double> moe_capacity, gate_imbalance;
  std::optional<std::vector<std::string>> cuda_graph_modules;

  // Where each given value came from, by field name: "flag -tp", "model_configs_h100.csv:14".
  std::map<std::string, std::string> origins;
  // Why a value of the base row was not taken, by field name: "row model_configs_h100.csv:11 is of stack automodel".
  std::map<std::string, std::string> left_out;
};

inline constexpr std::string_view kDefaultStack = "megatron_2504";  // of rows and command lines that name none

// Fields of `over` where set, else of `base`, with their origins.
Request merge(const Request& over, const Request& base);

// Makes a row of a table one of `stack`, a name or an alias. Of a row of another stack the values that are of its
// software (field_role.h) go, and `left_out` says why.
void set_stack(Request& row, const std::string& stack, const std::string& origin, const Catalog& catalog);

// The origin of a field; "" when it is not given or nobody said.
std::string origin_of(const Request& request, std::string_view field);
bool from_flag(const Request& request, std::string_view field);
// "-tp" where the field was given by the flag -tp; "" otherwise.
std::string flag_of(const Request& request, std::string_view field);

// What dtype and fp8_recipe mean together. A dtype that names a recipe ("fp8cs") and "bf16" stand alone; "fp8" without
// a recipe is current scaling. Unset when neither is given, or when a word is unknown.
std::optional<Precision> asked_precision(const Request& request);

}  // namespace perfbench
