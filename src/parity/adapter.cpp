#include "parity/adapter.h"

#include <fmt/format.h>

#include <utility>

#include "base/error.h"
#include "base/json.h"

namespace perfbench {
namespace {

namespace fs = std::filesystem;

bool is_empty(const Json& value) {
  if (value.is_null()) return true;
  if (value.is_bool()) return !std::get<bool>(value.value);
  if (value.is_array()) return std::get<Json::Array>(value.value).empty();
  return value.is_object() && std::get<Json::Object>(value.value).empty();
}

// Keys that must be off, absent or empty.
void refuse_variants(JsonFields& fields) {
  for (const char* key :
       {"use_rslora", "use_dora", "lora_bias", "modules_to_save", "rank_pattern", "alpha_pattern",
        "layers_to_transform", "layers_pattern", "layer_replication", "target_parameters", "exclude_modules",
        "trainable_token_indices", "use_qalora", "use_bdlora", "alora_invocation_tokens", "fan_in_fan_out"}) {
    const Json* value = fields.any(key);
    if (value != nullptr && !is_empty(*value)) {
      fields.problem(key, "is not modelled", "adapters of one rank and one alpha, without it");
    }
  }
  if (const auto bias = fields.optional_text("bias"); bias && *bias != "none") {
    fields.problem("bias", fmt::format("is \"{}\"; biases are frozen here", *bias), "\"none\"");
  }
  if (const auto type = fields.optional_text("peft_type"); type && *type != "LORA") {
    fields.problem("peft_type", fmt::format("is \"{}\"", *type), "LORA");
  }
}

// A list of modules, or one word. (peft also knows patterns.)
std::optional<std::vector<std::string>> read_targets(JsonFields& fields) {
  const Json* value = fields.any("target_modules");
  if (value == nullptr || value->is_null()) return std::nullopt;
  if (value->is_string()) return std::vector<std::string>{std::get<std::string>(value->value)};
  std::vector<std::string> targets;
  if (value->is_array()) {
    for (const Json& item : std::get<Json::Array>(value->value)) {
      if (item.is_string()) targets.push_back(std::get<std::string>(item.value));
    }
  }
  if (targets.empty()) fields.problem("target_modules", "is no list of modules", R"(["q_proj", "v_proj"])");
  return targets;
}

}  // namespace

std::optional<AdapterFolder> read_adapter_folder(const fs::path& folder) {
  const fs::path weights = folder / "adapter_model.safetensors", config = folder / "adapter_config.json";
  std::error_code error;
  if (!fs::exists(weights, error)) return std::nullopt;
  AdapterFolder adapter;
  adapter.weights = read_safetensors_header(weights);
  if (!fs::exists(config, error)) return adapter;
  const Json json = read_json(config);
  if (!json.is_object()) throw InputError(config.string(), "must be a JSON object");
  JsonFields fields(json, config.string());
  adapter.rank = fields.optional_integer("r");
  adapter.alpha = fields.optional_integer("lora_alpha");
  adapter.targets = read_targets(fields);
  refuse_variants(fields);
  fields.finish(true);
  return adapter;
}

void fill_from_adapter(Request& request, const AdapterFolder& adapter) {
  const auto fill = [&](auto& member, const auto& value, const char* field, const char* key) {
    if (member || !value) return;
    member = value;
    request.origins[field] = fmt::format("adapter_config.json: {}", key);
  };
  fill(request.lora_rank, adapter.rank, "lora_rank", "r");
  fill(request.lora_alpha, adapter.alpha, "lora_alpha", "lora_alpha");
  fill(request.lora_targets, adapter.targets, "lora_targets", "target_modules");
}

}  // namespace perfbench
