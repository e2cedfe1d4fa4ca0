#include "job/model_spec.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>

#include "base/error.h"
#include "base/json.h"
#include "base/text.h"
#include "job/model_family.h"
#include "job/sourced.h"

namespace perfbench {
namespace {

constexpr std::array kFamilies{
    ModelFamily{"llama", read_llama},
    ModelFamily{"gpt2", read_gpt2},
    ModelFamily{"nemotron", read_nemotron},
    ModelFamily{"mixtral", read_mixtral},
    ModelFamily{"deepseek_v3", read_deepseek},
    ModelFamily{"kimi_k2", read_deepseek},
    ModelFamily{"qwen2", read_qwen2},
    ModelFamily{"qwen3", read_qwen3},
    ModelFamily{"qwen3_moe", read_qwen3_moe},
    ModelFamily{"gpt_oss", read_gpt_oss},
    ModelFamily{"nemotron_h", read_nemotron_h},
    ModelFamily{"llama4_text", read_llama4},
    ModelFamily{"wan", read_wan},
};

constexpr std::string_view kWanClass = "WanTransformer3DModel";

// Keys that published configurations hold and that neither a shape nor the amount of work depends on.
constexpr std::string_view kIgnored[] = {"architectures",
                                         "torch_dtype",
                                         "dtype",
                                         "transformers_version",
                                         "auto_map",
                                         "_name_or_path",
                                         "_commit_hash",
                                         "_attn_implementation",
                                         "_attn_implementation_autoset",
                                         "attn_implementation",
                                         "bos_token_id",
                                         "eos_token_id",
                                         "pad_token_id",
                                         "unk_token_id",
                                         "sep_token_id",
                                         "decoder_start_token_id",
                                         "use_cache",
                                         "initializer_range",
                                         "attention_dropout",
                                         "hidden_dropout",
                                         "pretraining_tp",
                                         "rope_scaling",
                                         "rope_parameters",
                                         "quantization_config",
                                         "quantization",
                                         "gradient_checkpointing",
                                         "use_mrope",
                                         "output_attentions",
                                         "output_hidden_states",
                                         "return_dict",
                                         "torchscript",
                                         "use_bfloat16",
                                         "tf_legacy_loss",
                                         "pruned_heads",
                                         "is_decoder",
                                         "is_encoder_decoder",
                                         "tie_encoder_decoder",
                                         "add_cross_attention",
                                         "cross_attention_hidden_size",
                                         "chunk_size_feed_forward",
                                         "problem_type",
                                         "id2label",
                                         "label2id",
                                         "finetuning_task",
                                         "task_specific_params",
                                         "tokenizer_class",
                                         "prefix",
                                         "max_length",
                                         "unsloth_fixed",
                                         "unsloth_version"};

// perfbench's own keys besides those that are read.
constexpr std::string_view kPrivate[] = {"_params", "_note"};

std::filesystem::path config_path(const std::filesystem::path& path) {
  std::error_code error;
  if (!std::filesystem::is_directory(path, error)) return path;
  if (std::filesystem::exists(path / "config.json", error)) return path / "config.json";
  throw InputError(path.string(), "the folder holds no config.json", "give the folder of a Hugging Face model");
}

// The folder of a config.json; the file's own name for another one.
std::string model_name(const std::filesystem::path& file) {
  if (file.filename() != "config.json") return file.stem().string();
  return std::filesystem::absolute(file).lexically_normal().parent_path().filename().string();
}

std::string known_families() {
  std::vector<std::string> names;
  names.reserve(kFamilies.size());
  for (const ModelFamily& family : kFamilies) names.emplace_back(family.model_type);
  return join(names, ", ");
}

// model_type of transformers, or "wan" for the class name of diffusers.
std::string model_type(const Json& config, const std::string& file) {
  if (config.find("text_config") != nullptr) {
    throw InputError(file + ": text_config", "is the language model inside a multimodal one, which is not supported",
                     "save the object under text_config as a config.json of its own");
  }
  if (const Json* name = config.find("_class_name")) {
    if (name->is_string() && std::get<std::string>(name->value) == kWanClass) return "wan";
    throw Unsupported("model", fmt::format("{}: _class_name {} is unknown; of diffusers, perfbench knows {}", file,
                                           shown(*name), kWanClass));
  }
  const Json* type = config.find("model_type");
  if (type == nullptr || !type->is_string()) {
    throw InputError(file + ": model_type", type == nullptr ? "is missing" : "must be a text",
                     "known families: " + known_families());
  }
  return std::get<std::string>(type->value);
}

const ModelFamily& find_family(const std::string& type, const std::string& file) {
  for (const ModelFamily& family : kFamilies) {
    if (family.model_type == type) return family;
  }
  throw Unsupported("model",
                    fmt::format("{}: model_type \"{}\" is unknown; known families: {}", file, type, known_families()));
}

void read_aliases(ConfigKeys& keys, ModelSpec& model) {
  const Json* json = keys.any("_aliases");
  if (json == nullptr) return;
  const auto* entries = std::get_if<Json::Array>(&json->value);
  if (entries == nullptr) return keys.problem("_aliases", "must be a list of texts");
  for (const Json& entry : *entries) {
    if (!entry.is_string()) return keys.problem("_aliases", "must be a list of texts");
    model.aliases.push_back(std::get<std::string>(entry.value));
  }
}

}  // namespace

void add_layers(ModelSpec& model, const LayerSpec& kind, int count) {
  const auto known = std::find(model.kinds.begin(), model.kinds.end(), kind);
  const auto index = static_cast<int>(known - model.kinds.begin());
  if (known == model.kinds.end()) model.kinds.push_back(kind);
  model.layers.insert(model.layers.end(), static_cast<std::size_t>(count), index);
}

bool is_dense_decoder(const ModelSpec& model) {
  return !model.layers.empty() && std::ranges::all_of(model.kinds, [](const LayerSpec& kind) {
    return std::holds_alternative<Gqa>(kind.mixer) && std::holds_alternative<Dense>(kind.mlp);
  });
}

std::span<const ModelFamily> model_families() { return kFamilies; }

ModelSpec read_model(const std::filesystem::path& path) {
  const std::filesystem::path file = config_path(path);
  const Json config = read_json(file);
  if (!config.is_object()) throw InputError(file.string(), "must be a JSON object");
  const ModelFamily& family = find_family(model_type(config, file.string()), file.string());

  ModelSpec model;
  ConfigKeys keys(config, file.string());
  keys.ignore(kIgnored);
  keys.ignore(kPrivate);
  keys.any("model_type");
  model.name = model_name(file);
  model.family = family.model_type;
  model.source = keys.word("_source", file.string());
  read_aliases(keys, model);
  family.read(keys, model);
  check_sizes(keys, model);
  keys.finish();
  return model;
}

}  // namespace perfbench
