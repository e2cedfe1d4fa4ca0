#include "job/stack.h"

#include <fmt/core.h>

#include <array>
#include <utility>

#include "base/json.h"
#include "base/text.h"

namespace perfbench {
namespace {

template <typename T>
using Words = std::vector<std::pair<std::string, T>>;

const Words<LayerSplit> kSplits{{"even", LayerSplit::even},
                                {"embedding_and_loss_as_layers", LayerSplit::embedding_and_loss_as_layers},
                                {"loss_as_layer", LayerSplit::loss_as_layer},
                                {"uneven", LayerSplit::uneven}};
const Words<GaMeans> kGaMeans{{"microbatches_per_step", GaMeans::microbatches_per_step},
                              {"flushes_per_step", GaMeans::flushes_per_step}};
const Words<FlopsConvention> kConventions = [] {
  Words<FlopsConvention> words;
  for (const FlopsConvention convention : kFlopsConventions) words.emplace_back(name(convention), convention);
  return words;
}();
const Words<SelectiveRecompute> kSelective{{"core_attn", SelectiveRecompute::core_attn},
                                           {"every_second_product", SelectiveRecompute::every_second_product}};
const Words<Gate> kGates{{"balanced", Gate::balanced}, {"topk", Gate::topk}, {"random", Gate::random}};
const Words<Dispatcher> kDispatchers{
    {"all_to_all", Dispatcher::all_to_all}, {"dedup", Dispatcher::dedup}, {"all_gather", Dispatcher::all_gather}};
const Words<DType> kStateTypes{{"f32", DType::f32}, {"bf16", DType::bf16}};
const Words<AttentionKernels> kAttentionKernels{
    {"tuned", AttentionKernels::tuned}, {"between", AttentionKernels::between}, {"early", AttentionKernels::early}};

constexpr std::int64_t kMostEtp = 1024;

// What a file says of itself alone.
constexpr std::array<std::string_view, 4> kOwnKeys{"name", "source", "aliases", "preferred"};

const Words<Precision> kPrecisions{{"fp32", Precision::fp32},   {"bf16", Precision::bf16},
                                   {"fp8cs", Precision::fp8cs}, {"fp8ds", Precision::fp8ds},
                                   {"mxfp8", Precision::mxfp8}, {"nvfp4", Precision::nvfp4}};

struct Flag {
  std::string_view key;
  bool Stack::*member;
};

constexpr std::array kFlags{
    Flag{"sequence_parallel", &Stack::sequence_parallel},
    Flag{"distributed_optimizer", &Stack::distributed_optimizer},
    Flag{"fsdp_always", &Stack::fsdp_always},
    Flag{"overlap_grad_reduce", &Stack::overlap_grad_reduce},
    Flag{"overlap_param_gather", &Stack::overlap_param_gather},
    Flag{"tp_overlap", &Stack::tp_overlap},
    Flag{"fp8_params", &Stack::fp8_params},
    Flag{"regather_in_backward", &Stack::regather_in_backward},
    Flag{"fused_grad_accumulation", &Stack::fused_grad_accumulation},
    Flag{"fused_adapter_gradients", &Stack::fused_adapter_gradients},
    Flag{"dummy_weight_grads", &Stack::dummy_weight_grads},
    Flag{"master_weights", &Stack::master_weights},
    Flag{"eager_cross_entropy", &Stack::eager_cross_entropy},
    Flag{"packed_fine_tuning", &Stack::packed_fine_tuning},
    Flag{"recast_frozen_weights", &Stack::recast_frozen_weights},
    Flag{"fsdp_with_pp", &Stack::fsdp_with_pp},
    Flag{"fsdp_reshard_after_forward", &Stack::fsdp_reshard_after_forward},
    Flag{"fsdp_defer_grad_reduce", &Stack::fsdp_defer_grad_reduce},
    Flag{"recompute_whole_layer", &Stack::recompute_whole_layer},
};

struct Constant {
  std::string_view key;
  double StackConstants::*member;
  double least, most;
};

constexpr std::array kConstants{
    Constant{"gemm_bf16", &StackConstants::gemm_bf16, 0.01, 2.0},
    Constant{"gemm_fp8", &StackConstants::gemm_fp8, 0.01, 2.0},
    Constant{"gemm_time_ampere", &StackConstants::gemm_time_ampere, 0.1, 10.0},
    Constant{"gemm_time_blackwell", &StackConstants::gemm_time_blackwell, 0.1, 10.0},
    Constant{"gemm_time_blackwell_ultra", &StackConstants::gemm_time_blackwell_ultra, 0.1, 10.0},
    Constant{"attention", &StackConstants::attention, 0.01, 2.0},
    Constant{"attention_time_between", &StackConstants::attention_time_between, 0.1, 10.0},
    Constant{"attention_time_early", &StackConstants::attention_time_early, 0.1, 10.0},
    Constant{"tp_exposed", &StackConstants::tp_exposed, 0.0, 20.0},  // over 1: slower than the ideal collective
    Constant{"tp_exposed_overlapped", &StackConstants::tp_exposed_overlapped, 0.0, 20.0},
    Constant{"cp_exposed", &StackConstants::cp_exposed, 0.0, 20.0},
    Constant{"op_gap_s", &StackConstants::op_gap_s, 0.0, 0.01},
    Constant{"graphs_gap_factor", &StackConstants::graphs_gap_factor, 0.0, 1.0},
    Constant{"dp_exposed", &StackConstants::dp_exposed, 0.0, 1.0},
    Constant{"gemm_grouped", &StackConstants::gemm_grouped, 0.01, 2.0},
    Constant{"ep_all_to_all", &StackConstants::ep_all_to_all, 0.0, 20.0},
    Constant{"ep_dedup", &StackConstants::ep_dedup, 0.0, 20.0},
    Constant{"ep_network", &StackConstants::ep_network, 0.0, 20.0},
    Constant{"ep_exposed_overlapped", &StackConstants::ep_exposed_overlapped, 0.0, 1.0},
    Constant{"host_attention_s", &StackConstants::host_attention_s, 0.0, 1.0},
    Constant{"host_moe_s", &StackConstants::host_moe_s, 0.0, 1.0},
    Constant{"host_expert_fp8_s", &StackConstants::host_expert_fp8_s, 0.0, 1.0},
    Constant{"host_expert_bf16_s", &StackConstants::host_expert_bf16_s, 0.0, 1.0},
    Constant{"host_graphs", &StackConstants::host_graphs, 0.0, 1.0},
    Constant{"host_graphs_router", &StackConstants::host_graphs_router, 0.0, 1.0},
    Constant{"host_overlap", &StackConstants::host_overlap, 0.1, 10.0},
    Constant{"host_grace", &StackConstants::host_grace, 0.1, 10.0},
    Constant{"step_fixed_s", &StackConstants::step_fixed_s, 0.0, 60.0},
    Constant{"context_bytes", &StackConstants::context_bytes, 0.0, 1e12},
    Constant{"communicator_bytes", &StackConstants::communicator_bytes, 0.0, 1e11},
    Constant{"fragmentation", &StackConstants::fragmentation, 0.0, 1.0},
    Constant{"step_time_low", &StackConstants::step_time_low, 0.1, 1.0},
    Constant{"step_time_high", &StackConstants::step_time_high, 1.0, 10.0},
};

template <typename T>
T parse_word(JsonFields& fields, std::string_view key, const std::string& text, const Words<T>& words) {
  std::vector<std::string> known;
  for (const auto& [word, value] : words) {
    if (text == word) return value;
    known.push_back(word);
  }
  fields.problem(key, fmt::format("\"{}\" is unknown", text), nearest_hint(text, known));
  return words.front().second;
}

template <typename T>
T read_word(JsonFields& fields, std::string_view key, const Words<T>& words) {
  const std::string text = fields.text(key);
  return text.empty() ? words.front().second : parse_word(fields, key, text, words);  // empty: noted already
}

void read_constants(Stack& stack, JsonFields& fields, const ExtendedJson& extended, const std::string& file,
                    std::vector<Problem>& problems) {
  const Json* json = fields.any("constants");
  if (json == nullptr || !json->is_object()) {
    fields.problem("constants", "must be an object", R"(of {"value": ..., "source": "..."})");
    return;
  }
  JsonFields entries(*json, file, "constants");
  for (const Constant& constant : kConstants) {
    const NumberRule rule{.least = constant.least, .most = constant.most, .fitted = true};
    const Sourced number = read_sourced(entries, constant.key, file, "constants", rule, problems);
    stack.constants.*constant.member = number.value.value_or(0.0);
    if (!number.prior) continue;
    const auto owner = extended.stated_by.find(fmt::format("constants.{}", constant.key));
    stack.fitted.push_back({.key = std::string(constant.key),
                            .owner = owner == extended.stated_by.end() ? "physics" : owner->second,
                            .member = constant.member,
                            .prior = *number.prior});
  }
  finish_into(entries, problems);
}

// {"hopper": "early"}
void read_attention_kernels(Stack& stack, JsonFields& fields) {
  const std::string_view key = "attention_kernels";
  const Json* json = fields.any(key);
  if (json == nullptr) return;
  if (!json->is_object()) {
    fields.problem(key, fmt::format("is {}, but must be an object", shown(*json)), R"(such as {"hopper": "early"})");
    return;
  }
  std::vector<std::string> known;
  known.reserve(kArchitectures.size());
  for (const Architecture architecture : kArchitectures) known.emplace_back(name(architecture));
  for (const auto& [word, value] : std::get<Json::Object>(json->value)) {
    const std::optional<Architecture> architecture = parse_architecture(word);
    if (!architecture) {
      fields.problem(key, fmt::format("\"{}\" is no architecture", word), nearest_hint(word, known));
    } else if (!value.is_string()) {
      fields.problem(key, fmt::format("{} is {}, but must be a text", word, shown(value)), "tuned, between or early");
    } else {
      stack.attention_kernels[*architecture] =
          parse_word(fields, key, std::get<std::string>(value.value), kAttentionKernels);
    }
  }
}

// What becomes of tokens that go to experts.
void read_routing(Stack& stack, JsonFields& fields) {
  stack.moe_gate = read_word(fields, "moe_gate", kGates);
  stack.moe_dispatcher = read_word(fields, "moe_dispatcher", kDispatchers);
  stack.moe_capacity = fields.number("moe_capacity");
  if (stack.moe_capacity < 0.0) {
    fields.problem("moe_capacity", fmt::format("is {}, but must not be negative", stack.moe_capacity),
                   "0 where no token is dropped");
  }
  const std::int64_t etp = fields.integer("default_etp");
  if (etp < 0 || etp > kMostEtp) {
    fields.problem("default_etp", fmt::format("is {}, but must be from 0 to {}", etp, kMostEtp), "0: as tp");
    return;
  }
  stack.default_etp = static_cast<int>(etp);
}

double gemm_time_on(const StackConstants& constants, Architecture architecture) {
  switch (architecture) {
    case Architecture::ampere:
      return constants.gemm_time_ampere;
    case Architecture::ada:  // no rows: as Hopper
    case Architecture::hopper:
      return 1.0;
    case Architecture::blackwell:
      return constants.gemm_time_blackwell;
    case Architecture::blackwell_ultra:
      return constants.gemm_time_blackwell_ultra;
  }
  return 1.0;
}

double time_of(AttentionKernels kernels, const StackConstants& constants) {
  switch (kernels) {
    case AttentionKernels::tuned:
      return 1.0;
    case AttentionKernels::between:
      return constants.attention_time_between;
    case AttentionKernels::early:
      return constants.attention_time_early;
  }
  return 1.0;
}

}  // namespace

ExtendedJson read_stack_json(const std::filesystem::path& path, const std::filesystem::path& data) {
  ExtendedJson extended = read_extended(path, data / "stacks", "stack", kOwnKeys);
  const std::filesystem::path physics = data / "physics.json";
  const Json shared = read_json(physics);
  const Json* constants = shared.find("constants");
  if (constants == nullptr || !constants->is_object())
    throw InputError(physics.string() + ": constants", "must be an object", R"(of {"value": ..., "source": "..."})");
  Json::Object base;
  base.emplace_back("constants", *constants);
  extended.json = joined(base, extended.json);
  return extended;
}

Stack read_stack(const std::filesystem::path& path, const std::filesystem::path& data) {
  const std::string file = path.string();
  const ExtendedJson extended = read_stack_json(path, data);
  std::vector<Problem> problems;
  Stack stack;
  JsonFields fields(extended.json, file);
  stack.name = fields.text("name");
  stack.source = fields.text("source");
  stack.extends.assign(extended.chain.begin() + 1, extended.chain.end());
  if (fields.any("aliases") != nullptr) stack.aliases = read_texts(fields, "aliases");
  stack.preferred = fields.optional_boolean("preferred").value_or(false);
  if (!stack.name.empty() && stack.name != path.stem().string()) {
    fields.problem("name", fmt::format("is \"{}\" in a file called {}", stack.name, path.filename().string()),
                   "name the file after the stack");
  }
  for (const std::string& word : read_texts(fields, "layer_split")) {
    stack.layer_split.push_back(parse_word(fields, "layer_split", word, kSplits));
  }
  stack.ga = read_word(fields, "ga", kGaMeans);
  stack.flops_convention = read_word(fields, "flops_convention", kConventions);
  for (const Flag& flag : kFlags) stack.*flag.member = fields.boolean(flag.key);
  stack.tp_overlap_exceptions = read_texts(fields, "tp_overlap_exceptions");
  stack.lora_targets = read_texts(fields, "lora_targets");
  stack.main_grad_dtype = read_word(fields, "main_grad_dtype", kStateTypes);
  stack.optimizer_state_dtype = read_word(fields, "optimizer_state_dtype", kStateTypes);
  stack.param_dtype = read_word(fields, "param_dtype", kStateTypes);
  stack.selective_recompute = read_word(fields, "selective_recompute", kSelective);
  for (const std::string& word : read_texts(fields, "precision_aware_optimizer")) {
    stack.precision_aware_optimizer.push_back(parse_word(fields, "precision_aware_optimizer", word, kPrecisions));
  }
  stack.bucket_elements = fields.integer("bucket_elements");
  if (stack.bucket_elements < 0) {
    fields.problem("bucket_elements", fmt::format("is {}, but must not be negative", stack.bucket_elements));
  }
  read_routing(stack, fields);
  read_attention_kernels(stack, fields);
  read_constants(stack, fields, extended, file, problems);
  finish_into(fields, problems);
  if (!problems.empty()) throw InputError(std::move(problems));
  return stack;
}

StackConstants constants_on(const Stack& stack, const SystemSpec& system) {
  StackConstants constants = stack.constants;
  if (!system.architecture) return constants;
  const double gemm_time = gemm_time_on(constants, *system.architecture) * system.product_time;
  constants.gemm_bf16 /= gemm_time;
  constants.gemm_fp8 /= gemm_time;
  const auto kernels = stack.attention_kernels.find(*system.architecture);
  if (kernels != stack.attention_kernels.end()) constants.attention /= time_of(kernels->second, constants);
  constants.gemm_time_ampere = constants.gemm_time_blackwell = constants.gemm_time_blackwell_ultra = 1.0;
  constants.attention_time_between = constants.attention_time_early = 1.0;
  return constants;
}

}  // namespace perfbench
