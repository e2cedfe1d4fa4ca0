// Which row of a config table a command line starts from.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <tuple>

#include "base/text.h"
#include "spec/request_fields.h"
#include "spec/resolve.h"

namespace perfbench {

namespace {

// What of the flags a row must agree with. Model, task and system always count.
struct Pass {
  bool stack, layout, precision;
};

// Tried in order; the first with a matching row decides.
constexpr std::array kPasses = {Pass{true, true, true},   Pass{false, true, true},  Pass{true, false, true},
                                Pass{false, false, true}, Pass{true, false, false}, Pass{false, false, false}};

bool is_identity(std::string_view field) { return field == "model" || field == "task" || field == "system"; }
bool is_precision(std::string_view field) { return field == "dtype" || field == "fp8_recipe"; }
// What no row says of fine-tuning.
bool is_tuning(std::string_view field) { return field.starts_with("lora_") || field == "packed"; }
// No row has a ga: it follows from the batch sizes.
bool is_layout(std::string_view field) {
  return !is_identity(field) && !is_precision(field) && !is_tuning(field) && field != "stack" && field != "ga";
}

// What a row means that leaves the field out; unset: the row takes any value.
std::optional<std::string> meaning_of_unset(std::string_view field, const std::optional<std::int64_t>&) {
  if (field == "recompute_layers" || field == "offload_layers") return "0";
  for (std::string_view axis : {"tp", "pp", "cp", "ep", "vp", "mbs"}) {
    if (field == axis) return "1";
  }
  return std::nullopt;
}
std::optional<std::string> meaning_of_unset(std::string_view, const std::optional<bool>&) { return "0"; }
template <typename Other>
std::optional<std::string> meaning_of_unset(std::string_view, const std::optional<Other>&) {
  return std::nullopt;
}

template <typename Value>
std::optional<std::string> meaning(std::string_view field, const std::optional<Value>& value) {
  if (!value) return meaning_of_unset(field, value);
  const std::string text = value_text(*value);
  return text == "0" && limits_of(field).zero_is_unset ? "1" : text;
}

bool layout_agrees(const Request& flags, const Request& row) {
  bool agrees = true;
  for_each_field([&](std::string_view field, auto member) {
    if (!is_layout(field) || !(flags.*member)) return;
    const auto wanted = meaning(field, flags.*member), has = meaning(field, row.*member);
    if (has && wanted != has) agrees = false;
  });
  return agrees;
}

bool precision_agrees(const Request& flags, const Request& row) {
  if (!flags.dtype && !flags.fp8_recipe) return true;
  const bool any_fp8 = flags.dtype && lower(*flags.dtype) == "fp8" && !flags.fp8_recipe;
  if (any_fp8) return row.dtype == "fp8";
  return asked_precision(flags) == asked_precision(row);
}

bool stack_agrees(const Request& flags, const Request& row) {
  return !flags.stack || (row.stack && canonical_name(*flags.stack) == canonical_name(*row.stack));
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
Rows rows_of_kind(const Request& flags, const ConfigTable& table, const Catalog& catalog) {
  if (!flags.model) throw InputError("--model", "no model is given", "name one: --model llama3_70b");
  if (!flags.system) throw InputError("--gpu", "no GPU is given", "name one: " + join(catalog.system_names(), ", "));
  const ModelSpec model = catalog.model(*flags.model, where_of(flags, "model"));
  const SystemSpec system = catalog.system(*flags.system, where_of(flags, "system"));
  const Names model_names = names_of(model.name, model.aliases);
  const Names system_names = names_of(system.name, system.aliases);
  const Task task = flags.task.value_or(Task::pretrain);
  Rows rows;
  for (const ConfigRow& row : table.rows) {
    const Request& has = row.request;
    if (has.task == task && model_names.have(has.model) && system_names.have(has.system)) rows.push_back(&row);
  }
  return rows;
}

Rows matching(const Rows& rows, const Request& flags, Pass pass) {
  Rows matches;
  for (const ConfigRow* row : rows) {
    const Request& has = row->request;
    if (pass.stack && !stack_agrees(flags, has)) continue;
    if (pass.layout && !layout_agrees(flags, has)) continue;
    if (pass.precision && !precision_agrees(flags, has)) continue;
    matches.push_back(row);
  }
  return matches;
}

// "-tp 4 -pp 8": the flags of the kinds that `pass` looks at, as they were typed.
std::string flags_text(const Request& flags, Pass pass) {
  std::vector<std::string> parts;
  for_each_field([&](std::string_view field, auto member) {
    const bool counts = (is_layout(field) && pass.layout) || (is_precision(field) && pass.precision) ||
                        (field == "stack" && pass.stack);
    if (counts && flags.*member) parts.push_back(where_of(flags, field) + " " + value_text(*(flags.*member)));
  });
  return join(parts, " ");
}

// What is better about one row than another, by the order of choice.
std::tuple<bool, bool, std::int64_t> merit(const ConfigRow& row) {
  const auto precision = asked_precision(row.request).value_or(Precision::bf16);
  return {is_scaled(precision), precision == Precision::fp8cs, row.request.num_gpus.value_or(0)};
}

// The rule that put `best` before the other rows.
std::string reason(const Rows& rows, const ConfigRow& best) {
  const auto [fp8, current, gpus] = merit(best);
  std::string why = "the first in the file";
  for (const ConfigRow* row : rows) {
    const auto [other_fp8, other_current, other_gpus] = merit(*row);
    if (fp8 && !other_fp8) return "FP8 before BF16";
    if (current && !other_current) why = "current scaling before other FP8 recipes";
    if (current == other_current && gpus > other_gpus && why.starts_with("the first")) why = "the most GPUs";
  }
  return why;
}

std::string kind_text(const Request& flags) {
  return fmt::format("{} {} on {}", *flags.model, name(flags.task.value_or(Task::pretrain)), *flags.system);
}

std::string place(const ConfigTable& table, const ConfigRow& row) { return fmt::format("{}:{}", table.file, row.line); }

// Of several rows, how the one was chosen; "the only row of ..." for a single one.
std::string count_text(const Request& flags, Pass pass, const Rows& rows, const std::string& why) {
  const std::string given = flags_text(flags, pass);
  const std::string suffix =
      given.empty() ? "" : (rows.size() == 1 ? " that agrees with " : " that agree with ") + given;
  if (rows.size() == 1) return fmt::format("the only one of {}{}", kind_text(flags), suffix);
  return fmt::format("one of {} of {}{}; {}", rows.size(), kind_text(flags), suffix, why);
}

std::string sentence_of(const Request& flags, const ConfigTable& table, Pass pass, const Rows& rows,
                        const ConfigRow& best) {
  std::string text = fmt::format("row {} ({}", place(table, best), count_text(flags, pass, rows, reason(rows, best)));
  const Pass left_out{!pass.stack, !pass.layout, !pass.precision};
  const std::string overriding = flags_text(flags, left_out);
  if (!overriding.empty()) text += fmt::format("; no row agrees with {}: the flags override its values", overriding);
  return text + ")";
}

RowChoice no_row(const Request& flags, const ConfigTable& table) {
  return {
      .row = std::nullopt,
      .layout_overridden = false,
      .sentence = fmt::format("no row of {} in {}: every value is a flag's or a rule's", kind_text(flags), table.file)};
}

RowChoice choose_as_perfbench(const Request& flags, const ConfigTable& table, const Rows& rows) {
  for (Pass pass : kPasses) {
    const Rows matches = matching(rows, flags, pass);
    if (matches.empty()) continue;
    const auto best = std::ranges::max_element(
        matches, [](const ConfigRow* a, const ConfigRow* b) { return merit(*a) < merit(*b); });  // the first of equals
    return {.row = **best,
            .layout_overridden = !pass.layout && !layout_agrees(flags, (*best)->request),
            .sentence = sentence_of(flags, table, pass, matches, **best)};
  }
  return no_row(flags, table);
}

RowChoice choose_as_nemo(const Request& flags, const ConfigTable& table, const Rows& rows) {
  Rows of_dtype, of_recipe;
  const std::string dtype = lower(flags.dtype.value_or("bf16"));
  const bool wants_fp8 = dtype != "bf16" && dtype != "fp32";
  for (const ConfigRow* row : rows) {
    const bool is_fp8 = row->request.dtype == "fp8";
    if (is_fp8 != wants_fp8 || (flags.num_gpus && row->request.num_gpus != flags.num_gpus)) continue;
    of_dtype.push_back(row);
    if (!is_fp8 || !row->request.fp8_recipe || precision_agrees(flags, row->request)) of_recipe.push_back(row);
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
  const std::string counts = count_text(counted, kPasses.front(), matches, "the first in the file, as NeMo does");
  return {.row = *matches.front(),
          .layout_overridden = !layout_agrees(flags, matches.front()->request),
          .sentence = fmt::format("row {} ({})", place(table, *matches.front()), counts)};
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
  const Request asked = with_defaults(flags, compat);
  const Rows rows = rows_of_kind(asked, table, catalog);
  return compat == Compat::nemo ? choose_as_nemo(asked, table, rows) : choose_as_perfbench(asked, table, rows);
}

}  // namespace perfbench
