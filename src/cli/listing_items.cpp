// The five listings: what each one reads and which keys it has.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <optional>

#include "base/file.h"
#include "base/text.h"
#include "base/units.h"
#include "cli/listing.h"
#include "harness/sweep.h"
#include "rows/published.h"
#include "runners/checked_row.h"

namespace perfbench {
namespace {

Json list_of(const std::vector<std::string>& texts) { return Json::Array(texts.begin(), texts.end()); }

// `value` of a data sheet in another unit; null where it is not known.
Json in_unit(const std::optional<double>& value, double unit) { return value ? Json(*value / unit) : Json(); }

Json whole(const Sourced& number) { return number.value ? Json(static_cast<std::int64_t>(*number.value)) : Json(); }

// An item of every name; one that can't be read is a warning, so that the others are listed all the same.
template <typename Read>
void add_items(Listing& listing, const std::vector<std::string>& names, Read&& read) {
  for (const std::string& name : names) {
    try {
      listing.items.push_back(read(name));
    } catch (const InputError& error) {
      for (const Problem& problem : error.problems())
        listing.warnings.push_back(fmt::format("{}: {}", problem.where, problem.what));
    } catch (const Unsupported& problem) {
      listing.warnings.push_back(fmt::format("{}: {}", name, problem.what()));
    }
  }
  if (!listing.items.empty())
    for (const auto& [name, value] : listing.items.front().values) listing.columns.push_back(name);
}

Listing models(const Catalog& catalog) {
  Listing listing{.what = "models", .columns = {}, .items = {}};
  add_items(listing, catalog.model_names(), [&](const std::string& name) {
    const ModelSpec model = catalog.model(name, name);
    ListedItem item{.values = {{"name", model.name},
                               {"family", model.family},
                               {"layers", model.num_layers()},
                               {"hidden", model.hidden},
                               {"parameters", matmul_and_embedding_params(model)},
                               {"aliases", list_of(model.aliases)}}};
    for (const std::string& alias : model.aliases) item.also.emplace("name", alias);
    return item;
  });
  return listing;
}

Json architecture_json(const SystemSpec& system) {
  return system.architecture ? Json(std::string(name(*system.architecture))) : Json();
}

Listing systems(const Catalog& catalog) {
  Listing listing{.what = "systems", .columns = {}, .items = {}};
  add_items(listing, catalog.system_names(), [&](const std::string& name) {
    const SystemSpec system = catalog.system(name, name);
    Json::Array precisions;
    for (const Precision precision : system.precisions)
      precisions.emplace_back(std::string(perfbench::name(precision)));
    ListedItem item{.values = {{"name", system.name},
                               {"extends", system.extends.empty() ? Json() : Json(system.extends.front())},
                               {"gpu", system.gpu},
                               {"architecture", architecture_json(system)},
                               {"precisions", precisions},
                               {"bf16_tflops", in_unit(system.peak_bf16_flops_per_s.value, kTera)},
                               {"fp8_tflops", in_unit(system.peak_fp8_flops_per_s.value, kTera)},
                               {"mxfp8_tflops", in_unit(system.peak_mxfp8_flops_per_s.value, kTera)},
                               {"nvfp4_tflops", in_unit(system.peak_nvfp4_flops_per_s.value, kTera)},
                               {"memory_gb", in_unit(system.memory_bytes.value, kGiga)},
                               {"memory_tb_per_s", in_unit(system.memory_bandwidth_bytes_per_s.value, kTera)},
                               {"nvlink_gb_per_s", in_unit(system.nvlink_bandwidth_bytes_per_s.value, kGiga)},
                               {"nvlink_domain_gpus", whole(system.nvlink_domain_gpus)},
                               {"nic_gb_per_s", in_unit(system.nic_bandwidth_bytes_per_s.value, kGiga)},
                               {"nics_per_gpu", in_unit(system.nics_per_gpu.value, 1.0)},
                               {"gpus_per_node", whole(system.gpus_per_node)},
                               {"sm_count", whole(system.sm_count)},
                               {"host", system.host},
                               {"kernels", system.kernels},
                               {"product_time", system.product_time},
                               {"aliases", list_of(system.aliases)}}};
    for (const std::string& alias : system.aliases) item.also.emplace("name", alias);
    return item;
  });
  return listing;
}

// The policies that a stack's file states, then its constants: "ga, tp_exposed".
std::vector<std::string> stated_keys(const Json& file) {
  std::vector<std::string> keys;
  for (const auto& [key, value] : std::get<Json::Object>(file.value)) {
    const bool of_the_file = key == "name" || key == "extends" || key == "source" || key == "aliases" ||
                             key == "preferred" || key == "constants";
    if (!of_the_file) keys.push_back(key);
  }
  if (const Json* constants = file.find("constants"))
    for (const auto& [key, number] : std::get<Json::Object>(constants->value)) keys.push_back(key);
  return keys;
}

std::filesystem::path stack_file(const Catalog& catalog, const std::string& name) {
  return catalog.folder() / "stacks" / (name + ".json");
}

ListedItem stack_item(const Stack& stack, const Catalog& catalog) {
  ListedItem item{.values = {{"name", stack.name},
                             {"extends", stack.extends.empty() ? Json() : Json(stack.extends.front())},
                             {"aliases", list_of(stack.aliases)},
                             {"preferred", stack.preferred}}};
  for (const std::string& alias : stack.aliases) item.also.emplace("name", alias);
  const Json all = read_stack_json(stack_file(catalog, stack.name), catalog.folder()).json;
  for (const auto& [key, value] : std::get<Json::Object>(all.value)) {
    const bool is_there =
        std::ranges::find(item.values, key, &std::pair<std::string, Json>::first) != item.values.end();
    if (!is_there && key != "source" && key != "constants") item.values.emplace_back(key, value);
  }
  for (const auto& [key, number] : std::get<Json::Object>(all.find("constants")->value))
    item.values.emplace_back(key, *number.find("value"));
  return item;
}

// The stack and those that extend it: "  megatron_2407: attention_kernels".
void add_branch(std::vector<std::string>& lines, const std::vector<Stack>& stacks, const Stack& stack,
                const Catalog& catalog) {
  const std::string aliases = stack.aliases.empty() ? "" : fmt::format(" ({})", join(stack.aliases, ", "));
  const std::string stated = join(stated_keys(read_json(stack_file(catalog, stack.name))), ", ");
  const std::string differs = stack.extends.empty() ? "" : ": " + (stated.empty() ? "differs in nothing" : stated);
  lines.push_back(std::string(2 * stack.extends.size(), ' ') + stack.name + aliases + differs);
  for (const Stack& other : stacks)
    if (!other.extends.empty() && other.extends.front() == stack.name) add_branch(lines, stacks, other, catalog);
}

Listing stacks(const Catalog& catalog) {
  Listing listing{.what = "stacks", .columns = {}, .items = {}, .filter_names = {}, .one_column_per_item = true};
  std::vector<Stack> stacks;
  add_items(listing, catalog.stack_names(), [&](const std::string& name) {
    stacks.push_back(catalog.stack(name, name));
    return stack_item(stacks.back(), catalog);
  });
  for (const Stack& stack : stacks)
    if (stack.extends.empty()) add_branch(listing.tree, stacks, stack, catalog);
  return listing;
}

ListedItem config_item(const CheckedRow& row, const ConfigRow& config, const Catalog& catalog) {
  const Request& asked = config.request;
  const auto text = [](const auto& value) { return value ? Json(*value) : Json(); };
  return {.values = {{"row", row.place},
                     {"model", text(asked.model)},
                     {"task", asked.task ? Json(std::string(name(*asked.task))) : Json()},
                     {"system", text(asked.system)},
                     {"precision", precision_text(asked)},
                     {"num_gpus", text(asked.num_gpus)},
                     {"layout", layout_text(asked)},
                     {"gbs", text(asked.gbs)},
                     {"mbs", text(asked.mbs)},
                     {"seq_len", text(asked.seq_len)},
                     {"stack", text(asked.stack)},
                     {"status", std::string(verdict(row.status))},
                     {"feature", row.feature.empty() ? Json() : Json(row.feature)}},
          .also = named_values(config, catalog)};
}

std::vector<std::filesystem::path> config_tables(const Catalog& catalog) {
  std::vector<std::filesystem::path> paths = files_in(catalog.folder(), ".csv");
  std::erase_if(paths, [](const auto& path) { return !path.filename().string().starts_with("model_configs_"); });
  return paths;
}

Listing configs(const Catalog& catalog) {
  Listing listing{.what = "configs",
                  .columns = {"row", "model", "task", "system", "precision", "num_gpus", "layout", "gbs", "mbs",
                              "seq_len", "stack", "status", "feature"},
                  .items = {},
                  .filter_names = where_names()};
  RowPlanner plan(catalog);
  for (const std::filesystem::path& path : config_tables(catalog)) {
    const ConfigTable table = read_config_table(path);
    for (const ConfigRow& row : table.rows)
      listing.items.push_back(config_item(check_row(path.string(), table, row, catalog, plan), row, catalog));
    for (const Problem& problem : table.problems)
      listing.warnings.push_back(fmt::format("{}: {}", problem.where, problem.what));
  }
  return listing;
}

// The model's own name, so that a filter finds a row by any of its names; "" for one that the catalog lacks.
std::string model_name(const std::string& printed, const Catalog& catalog, std::map<std::string, std::string>& known) {
  const auto [entry, is_new] = known.try_emplace(printed);
  if (is_new && catalog.has_model(printed)) entry->second = catalog.model(printed, printed).name;
  return entry->second;
}

ListedItem published_item(const PublishedRow& row) {
  Json::Array corrected;
  for (const Correction& correction : row.corrections) corrected.emplace_back(correction.column);
  const Json all = to_json(row);
  ListedItem item{.values = {{"row", row.row}, {"model", row.model}, {"system", row.system}}};
  for (const char* key : {"task", "precision", "stack", "num_gpus", "gbs", "mbs", "seq_len", "step_time_s",
                          "tokens_per_s_per_gpu", "model_tflops_per_gpu"})
    item.values.emplace_back(key, all.find(key) ? *all.find(key) : Json());
  item.values.emplace_back("corrected", corrected);
  item.values.emplace_back("source", row.source);
  for (const char* key : {"lbs", "tp", "pp", "cp", "vp", "ep", "dp", "fsdp", "ga"})
    if (const Json* value = all.find(key); value && value->number()) item.also.emplace(key, dump_json(*value, -1));
  return item;
}

Listing published(const Catalog& catalog) {
  Listing listing{.what = "published rows",
                  .columns = {},
                  .items = {},
                  .filter_names = {"lbs", "tp", "pp", "cp", "vp", "ep", "dp", "fsdp", "ga"}};
  std::map<std::string, std::string> known;
  for (const PublishedRow& row : read_published(catalog.folder() / "published")) {
    ListedItem item = published_item(row);
    if (const std::string name = model_name(row.model, catalog, known); !name.empty()) item.also.emplace("model", name);
    listing.items.push_back(std::move(item));
  }
  for (const auto& [name, value] : published_item({}).values) listing.columns.push_back(name);
  return listing;
}

struct Kind {
  std::string_view name;
  Listing (*listing)(const Catalog&);
};

constexpr Kind kKinds[] = {
    {"models", models}, {"systems", systems}, {"configs", configs}, {"stacks", stacks}, {"published", published}};

}  // namespace

std::vector<std::string> listing_names() {
  std::vector<std::string> names;
  for (const Kind& kind : kKinds) names.emplace_back(kind.name);
  return names;
}

Listing listing_of(std::string_view what, const Catalog& catalog) {
  for (const Kind& kind : kKinds)
    if (kind.name == what) return kind.listing(catalog);
  throw InputError("list", fmt::format("\"{}\" can't be listed", what), nearest_hint(what, listing_names()));
}

}  // namespace perfbench
