// Which row of a config table a command line starts from.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <map>

#include "base/text.h"
#include "job/request_fields.h"
#include "job/resolve.h"
#include "job/row_preference.h"

namespace perfbench {

namespace {

// The roles of flags that a row may agree with or not.
constexpr std::array kRoles = {FieldRole::precision, FieldRole::stack, FieldRole::gpus, FieldRole::layout,
                               FieldRole::tuning};
using Roles = std::vector<FieldRole>;

bool agrees_with_all(const Request& flags, const ConfigRow& row, const Roles& roles) {
  return std::ranges::all_of(roles, [&](FieldRole role) { return agrees(flags, row.request, role); });
}

// The stacks of the rows by their own names, and which of them come first.
void name_stacks(std::vector<ConfigRow>& rows, const Catalog& catalog) {
  struct Seen {
    std::string name;
    bool preferred = false;
    int place = 0;
  };
  std::map<std::string, Seen> seen;  // by what the table calls it
  for (std::size_t i = 0; i < rows.size(); ++i) {
    std::optional<std::string>& stack = rows[i].request.stack;
    const std::string called = stack.value_or(std::string(kDefaultStack));
    auto found = seen.find(called);
    if (found == seen.end()) {
      const std::string name = catalog.stack_name(called);
      found = seen.emplace(called, Seen{name, catalog.stack_comes_first(name), static_cast<int>(i)}).first;
    }
    if (stack) stack = found->second.name;
    rows[i].preferred = found->second.preferred;
    rows[i].stack_place = found->second.place;
  }
}

// The names that a table may use for a model or system of the catalog.
struct Names {
  std::vector<std::string> canonical;
  bool have(const std::optional<std::string>& name) const {
    return name && std::ranges::find(canonical, canonical_name(*name)) != canonical.end();
  }
};

Names names_of(const std::string& name, const std::vector<std::string>& aliases) {
  Names names{{canonical_name(name)}};
  for (const std::string& alias : aliases) names.canonical.push_back(canonical_name(alias));
  return names;
}

std::string where_of(const Request& flags, std::string_view field) {
  const std::string flag = flag_of(flags, field);
  return flag.empty() ? std::string(field) : flag;
}

using Rows = std::vector<const ConfigRow*>;

// Rows of the request's model, task and system.
std::vector<ConfigRow> rows_of_kind(const Request& flags, const ConfigTable& table, const Catalog& catalog) {
  if (!flags.model) throw InputError("--model", "no model is given", "name one: --model llama3_70b");
  if (!flags.system) throw InputError("--gpu", "no GPU is given", "name one: " + join(catalog.system_names(), ", "));
  const ModelSpec model = catalog.model(*flags.model, where_of(flags, "model"));
  const SystemSpec system = catalog.system(*flags.system, where_of(flags, "system"));
  const Names model_names = names_of(model.name, model.aliases);
  const Names system_names = names_of(system.name, system.aliases);
  const Task task = flags.task.value_or(Task::pretrain);
  std::vector<ConfigRow> rows;
  for (const ConfigRow& row : table.rows) {
    const Request& has = row.request;
    if (has.task == task && model_names.have(has.model) && system_names.have(has.system)) rows.push_back(row);
  }
  name_stacks(rows, catalog);
  return rows;
}

// "-tp 4 -pp 8": the flags of these roles, as they were typed.
std::string flags_text(const Request& flags, const Roles& roles) {
  std::vector<std::string> parts;
  for_each_field([&](std::string_view field, auto member) {
    const bool counts = has_column(field) && std::ranges::find(roles, meaning_of(field).role) != roles.end();
    if (counts && flags.*member) parts.push_back(where_of(flags, field) + " " + value_text(*(flags.*member)));
  });
  return join(parts, " ");
}

std::string kind_text(const Request& flags) {
  return fmt::format("{} {} on {}", *flags.model, name(flags.task.value_or(Task::pretrain)), *flags.system);
}

std::string place(const ConfigTable& table, const ConfigRow& row) { return fmt::format("{}:{}", table.file, row.line); }

// The preference of most weight that put `best` before another of the rows.
std::string reason(const Request& flags, const Rows& rows, const ConfigRow& best) {
  const RowPreference* first = nullptr;
  for (const ConfigRow* row : rows) {
    const RowPreference* preference = deciding(flags, best, *row);
    if (preference != nullptr && (first == nullptr || preference < first)) first = preference;  // both of one table
  }
  return first == nullptr ? "the first in the file" : std::string(first->why);
}

// Of several rows, how the one was chosen; "the only one of ..." for a single one.
std::string count_text(const Request& flags, const std::string& given, const Rows& rows, const std::string& why) {
  const std::string suffix =
      given.empty() ? "" : (rows.size() == 1 ? " that agrees with " : " that agree with ") + given;
  if (rows.size() == 1) return fmt::format("the only one of {}{}", kind_text(flags), suffix);
  return fmt::format("one of {} of {}{}; {}", rows.size(), kind_text(flags), suffix, why);
}

// Of equals the first.
const ConfigRow& best_of(const Request& flags, const Rows& rows) {
  return **std::ranges::max_element(rows,
                                    [&](const ConfigRow* a, const ConfigRow* b) { return is_better(flags, *b, *a); });
}

Rows with_roles(const Request& flags, const Rows& rows, const Roles& roles) {
  Rows alike;
  std::ranges::copy_if(rows, std::back_inserter(alike),
                       [&](const ConfigRow* row) { return agrees_with_all(flags, *row, roles); });
  return alike;
}

// Flags that the row does not agree with, and whether another row would have.
std::string override_text(const Request& flags, const ConfigTable& table, const Rows& rows, const ConfigRow& best,
                          const Roles& roles) {
  const std::string given = flags_text(flags, roles);
  const Rows others = with_roles(flags, rows, roles);
  if (others.empty()) return fmt::format("; no row agrees with {}: the flags override its values", given);
  const ConfigRow& other = best_of(flags, others);
  return fmt::format("; row {}, which agrees with {}, comes after it ({}): the flags override its values",
                     place(table, other), given, reason(flags, {&other}, best));
}

RowChoice no_row(const Request& flags, const ConfigTable& table) {
  return {
      .row = std::nullopt,
      .layout_overridden = false,
      .sentence = fmt::format("no row of {} in {}: every value is a flag's or a rule's", kind_text(flags), table.file)};
}

bool overrides_layout(const Request& flags, const ConfigRow& row) {
  return !agrees_with_all(flags, row, {FieldRole::gpus, FieldRole::layout, FieldRole::tuning});
}

RowChoice choose_as_perfbench(const Request& flags, const ConfigTable& table, const Rows& rows) {
  if (rows.empty()) return no_row(flags, table);
  const ConfigRow& best = best_of(flags, rows);
  Roles kept, overriding;
  for (const FieldRole role : kRoles) (agrees(flags, best.request, role) ? kept : overriding).push_back(role);
  const Rows alike = with_roles(flags, rows, kept);
  std::string text = count_text(flags, flags_text(flags, kept), alike, reason(flags, alike, best));
  if (!overriding.empty()) text += override_text(flags, table, rows, best, overriding);
  return {.row = best,
          .layout_overridden = overrides_layout(flags, best),
          .sentence = fmt::format("row {} ({})", place(table, best), text)};
}

RowChoice choose_as_nemo(const Request& flags, const ConfigTable& table, const Rows& rows) {
  Rows of_dtype, of_recipe;
  const std::string dtype = lower(flags.dtype.value_or("bf16"));
  const bool wants_fp8 = dtype != "bf16" && dtype != "fp32";
  for (const ConfigRow* row : rows) {
    const bool is_fp8 = row->request.dtype == "fp8";
    if (is_fp8 != wants_fp8 || (flags.num_gpus && row->request.num_gpus != flags.num_gpus)) continue;
    of_dtype.push_back(row);
    if (!is_fp8 || !row->request.fp8_recipe || agrees(flags, row->request, FieldRole::precision))
      of_recipe.push_back(row);
  }
  const Rows& matches = of_recipe.empty() ? of_dtype : of_recipe;
  if (matches.empty()) return no_row(flags, table);
  Request counted;  // NeMo looks at nothing else
  counted.model = flags.model;
  counted.system = flags.system;
  counted.task = flags.task;
  counted.dtype = flags.dtype;
  if (!of_recipe.empty() && wants_fp8) counted.fp8_recipe = flags.fp8_recipe;
  counted.num_gpus = flags.num_gpus;
  counted.origins = flags.origins;
  const std::string given = flags_text(counted, {kRoles.begin(), kRoles.end()});
  return {.row = *matches.front(),
          .layout_overridden = overrides_layout(flags, *matches.front()),
          .sentence = fmt::format("row {} ({})", place(table, *matches.front()),
                                  count_text(counted, given, matches, "the first in the file, as NeMo does"))};
}

}  // namespace

Request with_defaults(Request flags, Compat compat) {
  const auto fill = [&flags](const char* field, auto member, auto value, const char* origin) {
    if (flags.*member) return;
    flags.*member = value;
    flags.origins[field] = origin;
  };
  if (compat == Compat::nemo) {
    fill("system", &Request::system, "h100", "NeMo's default");
    fill("dtype", &Request::dtype, "bf16", "NeMo's default");
    if (lower(*flags.dtype) == "fp8") fill("fp8_recipe", &Request::fp8_recipe, "ds", "NeMo's default");
  } else if (flags.fp8_recipe) {
    fill("dtype", &Request::dtype, "fp8", "rule: an FP8 recipe is given");
  }
  fill("task", &Request::task, Task::pretrain, "rule: pretrain unless a task is given");
  return flags;
}

RowChoice choose_row(const Request& flags, const ConfigTable& table, const Catalog& catalog, Compat compat) {
  Request asked = with_defaults(flags, compat);
  if (asked.stack) asked.stack = catalog.stack_name(*asked.stack);
  const std::vector<ConfigRow> of_kind = rows_of_kind(asked, table, catalog);
  Rows rows;
  for (const ConfigRow& row : of_kind) rows.push_back(&row);
  return compat == Compat::nemo ? choose_as_nemo(asked, table, rows) : choose_as_perfbench(asked, table, rows);
}

}  // namespace perfbench
