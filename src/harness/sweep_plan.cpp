#include <fmt/format.h>

#include <set>

#include "harness/sweep.h"
#include "job/request_fields.h"

namespace perfbench {
namespace {

constexpr std::string_view kAxes[] = {"tp", "pp", "cp", "vp", "ep", "etp", "mbs"};  // 1 where left out
constexpr std::string_view kSwitches[] = {"fsdp", "cuda_graphs", "sharp", "user_buffers",
                                          "keep_fsdp_fp8_transpose_cache"};  // 0 where left out

void add(NamedValues& values, std::string_view field, const std::string& value) {
  values.emplace(std::string(field), value);
  if (column_of(field) != field) values.emplace(std::string(column_of(field)), value);
}

// The name and the aliases of what `read` finds; nothing for a name that the catalog lacks.
template <typename Read>
void add_aliases(NamedValues& values, std::string_view field, Read&& read) {
  try {
    const auto spec = read();
    add(values, field, spec.name);
    for (const std::string& alias : spec.aliases) add(values, field, alias);
  } catch (const std::exception&) {  // its row will say what is wrong
  }
}

// "table.csv:12" of "table.csv:12: column=value".
std::string row_of_place(const std::string& where) { return where.substr(0, where.find(": ")); }

}  // namespace

std::vector<std::string> where_names() {
  std::vector<std::string> names = {"size", "precision"};
  for_each_field([&](std::string_view field, auto) {
    names.emplace_back(field);
    if (column_of(field) != field) names.emplace_back(column_of(field));
  });
  return names;
}

NamedValues named_values(const ConfigRow& row, const Catalog& catalog) {
  NamedValues values;
  const Request& request = row.request;
  for_each_field([&](std::string_view field, auto member) {
    if (request.*member) add(values, field, value_text(*(request.*member)));
  });
  for (const std::string_view axis : kAxes)
    if (!values.contains(std::string(axis))) add(values, axis, "1");
  for (const std::string_view field : kSwitches)
    if (!values.contains(std::string(field))) add(values, field, "0");
  values.emplace("size", row.size);
  values.emplace("model", row.model);
  if (request.task == Task::pretrain) values.emplace("task", "pre_train");
  if (const auto precision = asked_precision(request)) values.emplace("precision", std::string(name(*precision)));
  if (request.model) add_aliases(values, "model", [&] { return catalog.model(*request.model, ""); });
  if (request.system) add_aliases(values, "system", [&] { return catalog.system(*request.system, ""); });
  return values;
}

SweepPlan plan_sweep(const std::vector<std::filesystem::path>& tables, const Where& where,
                     const std::optional<std::string>& stack, const Catalog& catalog) {
  SweepPlan plan;
  std::vector<Problem> fatal;
  std::size_t rows = 0;
  for (const std::filesystem::path& path : tables) {
    try {
      ConfigTable table = read_config_table(path);
      rows += table.rows.size();
      for (ConfigRow& row : table.rows) {
        if (!where.conditions.empty() && !matches(where, named_values(row, catalog))) continue;
        if (stack) set_stack(row.request, *stack, "flag --stack", catalog);
        plan.places.push_back(fmt::format("{}:{}", table.file, row.line));
        plan.rows.push_back(std::move(row));
      }
      plan.problems.insert(plan.problems.end(), table.problems.begin(), table.problems.end());
      plan.warnings.insert(plan.warnings.end(), table.warnings.begin(), table.warnings.end());
    } catch (const InputError& error) {
      fatal.insert(fatal.end(), error.problems().begin(), error.problems().end());
    }
  }
  if (!fatal.empty()) throw InputError(std::move(fatal));
  std::set<std::string> broken;
  for (const Problem& problem : plan.problems) broken.insert(row_of_place(problem.where));
  plan.broken_rows = static_cast<std::int64_t>(broken.size());
  if (plan.rows.empty() && rows > 0)
    throw InputError("--where", fmt::format("none of the {} rows agrees", rows), "leave a condition out");
  if (plan.rows.empty()) throw InputError(plan.problems);
  return plan;
}

}  // namespace perfbench
