#include "job/row_preference.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string>

#include "base/text.h"
#include "job/catalog.h"
#include "job/request_fields.h"

namespace perfbench {

namespace {

// What a row means that leaves the field out; unset: the row takes any value.
std::optional<std::string> meaning_of_unset(std::string_view field, const std::optional<std::int64_t>&) {
  if (field == "recompute_layers" || field == "offload_layers") return "0";
  for (std::string_view axis : {"tp", "pp", "cp", "ep", "vp", "mbs"}) {
    if (field == axis) return "1";
  }
  return std::nullopt;
}
std::optional<std::string> meaning_of_unset(std::string_view field, const std::optional<bool>&) {
  for (std::string_view of_stack : {"fsdp_reshard", "defer_grad_sync", "sequence_parallel"}) {
    if (field == of_stack) return std::nullopt;
  }
  return "0";
}
template <typename Other>
std::optional<std::string> meaning_of_unset(std::string_view, const std::optional<Other>&) {
  return std::nullopt;
}

template <typename Value>
std::optional<std::string> text_of(std::string_view field, const std::optional<Value>& value) {
  if (!value) return meaning_of_unset(field, value);
  const std::string text = value_text(*value);
  return text == "0" && limits_of(field).zero_is_unset ? "1" : text;
}

bool values_agree(const Request& flags, const Request& row, FieldRole role) {
  bool agree = true;
  for_each_field([&](std::string_view field, auto member) {
    if (!(flags.*member) || meaning_of(field).role != role || !has_column(field)) return;
    const auto wanted = text_of(field, flags.*member), has = text_of(field, row.*member);
    if (has && wanted != has) agree = false;
  });
  return agree;
}

bool precision_agrees(const Request& flags, const Request& row) {
  if (!flags.dtype && !flags.fp8_recipe) return true;
  const bool any_fp8 = flags.dtype && lower(*flags.dtype) == "fp8" && !flags.fp8_recipe;
  if (any_fp8) return row.dtype == "fp8";
  return asked_precision(flags) == asked_precision(row);
}

std::string stack_of(const Request& row) { return row.stack.value_or(std::string(kDefaultStack)); }

template <FieldRole role>
std::int64_t rank_of_flags(const Request& flags, const ConfigRow& row) {
  return agrees(flags, row.request, role) ? 1 : 0;
}

std::int64_t is_called_so(const Request& flags, const ConfigRow& row) {
  const bool named = !row.printed_model.empty() && flags.model;
  return named && canonical_name(row.printed_model) == canonical_name(*flags.model) ? 1 : 0;
}

std::int64_t is_fp8(const Request&, const ConfigRow& row) {
  return is_scaled(asked_precision(row.request).value_or(Precision::bf16)) ? 1 : 0;
}

std::int64_t is_current_scaling(const Request&, const ConfigRow& row) {
  return asked_precision(row.request) == Precision::fp8cs ? 1 : 0;
}

std::int64_t is_of_preferred_stack(const Request&, const ConfigRow& row) { return row.preferred ? 1 : 0; }

std::int64_t is_of_default_stack(const Request&, const ConfigRow& row) {
  return stack_of(row.request) == kDefaultStack ? 1 : 0;
}

std::int64_t stack_comes_early(const Request&, const ConfigRow& row) { return -row.stack_place; }

std::int64_t gpus_of(const Request&, const ConfigRow& row) { return row.request.num_gpus.value_or(0); }

constexpr std::array kPreferences = {
    RowPreference{"the row of that name", is_called_so},
    RowPreference{"the precision asked for", rank_of_flags<FieldRole::precision>},
    RowPreference{"the stack asked for", rank_of_flags<FieldRole::stack>},
    RowPreference{"a stack whose rows come first", is_of_preferred_stack},
    RowPreference{"the number of GPUs asked for", rank_of_flags<FieldRole::gpus>},
    RowPreference{"FP8 before BF16", is_fp8},
    RowPreference{"current scaling before other FP8 recipes", is_current_scaling},
    RowPreference{"stack megatron_2504 before others", is_of_default_stack},
    RowPreference{"the stack that the table has first", stack_comes_early},
    RowPreference{"the layout asked for", rank_of_flags<FieldRole::layout>},
    RowPreference{"the tuning asked for", rank_of_flags<FieldRole::tuning>},
    RowPreference{"the most GPUs", gpus_of},
};

}  // namespace

std::span<const RowPreference> row_preferences() { return kPreferences; }

const RowPreference* deciding(const Request& flags, const ConfigRow& a, const ConfigRow& b) {
  const auto differ = [&](const RowPreference& preference) {
    return preference.rank(flags, a) != preference.rank(flags, b);
  };
  const auto found = std::ranges::find_if(kPreferences, differ);
  return found == kPreferences.end() ? nullptr : &*found;
}

bool is_better(const Request& flags, const ConfigRow& a, const ConfigRow& b) {
  const RowPreference* preference = deciding(flags, a, b);
  return preference != nullptr && preference->rank(flags, a) > preference->rank(flags, b);
}

bool agrees(const Request& flags, const Request& row, FieldRole role) {
  switch (role) {
    case FieldRole::identity:
      return true;
    case FieldRole::precision:
      return precision_agrees(flags, row);
    case FieldRole::stack:
      return !flags.stack || *flags.stack == stack_of(row);
    case FieldRole::gpus:
    case FieldRole::layout:
    case FieldRole::tuning:
      return values_agree(flags, row, role);
  }
  return true;
}

}  // namespace perfbench
