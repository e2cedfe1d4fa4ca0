#include "job/request.h"

#include <fmt/format.h>

#include <limits>

#include "base/text.h"
#include "job/catalog.h"
#include "job/field_role.h"
#include "job/request_fields.h"

namespace perfbench {

namespace {

constexpr std::int64_t kMostGpus = std::int64_t{1} << 20;
constexpr std::int64_t kMostSamples = std::int64_t{1} << 30;
constexpr std::int64_t kMostTokens = std::int64_t{1} << 30;
constexpr std::int64_t kMostLayers = 1'000'000;

bool one_of(std::string_view text, std::initializer_list<std::string_view> words) {
  for (std::string_view word : words) {
    if (text == word) return true;
  }
  return false;
}

}  // namespace

Request merge(const Request& over, const Request& base) {
  Request merged = base;
  if (over.recompute) {  // names all that is computed again, so that it stands in place of what `base` names
    merged.recompute_layers.reset();
    merged.recompute_modules.reset();
  }
  if (over.recompute_layers || over.recompute_modules) merged.recompute.reset();
  for_each_field([&](const char* name, auto member) {
    if (!(over.*member)) return;
    merged.*member = over.*member;
    merged.origins.erase(name);
    merged.left_out.erase(name);
    if (const auto origin = over.origins.find(name); origin != over.origins.end())
      merged.origins[name] = origin->second;
  });
  return merged;
}

void set_stack(Request& row, const std::string& stack, const std::string& origin, const Catalog& catalog) {
  const std::string own = catalog.stack_name(row.stack.value_or(std::string(kDefaultStack)));
  if (own != catalog.stack_name(stack)) {
    for_each_field([&](const char* field, auto member) {
      if (!(row.*member) || meaning_of(field).of != ValueOf::software) return;
      row.left_out[field] = fmt::format("row {} is of stack {}", origin_of(row, field), own);
      row.origins.erase(field);
      (row.*member).reset();
    });
  }
  row.stack = stack;
  row.origins["stack"] = origin;
}

std::string origin_of(const Request& request, std::string_view field) {
  const auto found = request.origins.find(std::string(field));
  return found == request.origins.end() ? "" : found->second;
}

bool from_flag(const Request& request, std::string_view field) { return origin_of(request, field).starts_with("flag"); }

std::string flag_of(const Request& request, std::string_view field) {
  constexpr std::string_view kFlag = "flag ";
  const std::string origin = origin_of(request, field);
  return origin.starts_with(kFlag) ? origin.substr(kFlag.size()) : "";
}

std::optional<Precision> asked_precision(const Request& request) {
  const std::string recipe = lower(request.fp8_recipe.value_or(""));
  if (!request.dtype) return recipe.empty() ? std::nullopt : parse_precision("fp8", recipe);
  const std::string dtype = lower(*request.dtype);
  if (dtype == "fp8") return parse_precision("fp8", recipe);
  return parse_precision(dtype);
}

FieldLimits limits_of(std::string_view field) {
  if (one_of(field, {"vp", "ep", "cp"})) return {.least = 1, .most = kMostGpus, .zero_is_unset = true};
  if (one_of(field, {"recompute_layers", "offload_layers"})) return {.least = 0, .most = kMostLayers};
  if (one_of(field, {"gbs", "mbs", "lbs", "ga"})) return {.least = 1, .most = kMostSamples};
  if (field == "warmup_steps") return {.least = 0, .most = kMostGpus};
  if (field == "seed") return {.least = 0, .most = std::numeric_limits<std::int64_t>::max()};
  if (field == "seq_len") return {.least = 1, .most = kMostTokens};
  return {.least = 1, .most = kMostGpus};
}

std::optional<std::string> limit_problem(std::string_view field, std::int64_t value) {
  const FieldLimits limits = limits_of(field);
  if (value == 0 && limits.zero_is_unset) return std::nullopt;
  if (value < limits.least) return fmt::format("must be at least {}", limits.least);
  if (value > limits.most) return fmt::format("must be at most {}", limits.most);
  return std::nullopt;
}

std::string value_text(const std::string& value) { return value; }
std::string value_text(Task value) { return std::string(name(value)); }
std::string value_text(bool value) { return value ? "1" : "0"; }
std::string value_text(std::int64_t value) { return std::to_string(value); }
std::string value_text(double value) { return format_double(value); }
std::string value_text(const std::vector<std::string>& value) { return join(value, "/"); }

std::string field_text(const Request& request, std::string_view field) {
  std::string text;
  for_each_field([&](std::string_view name, auto member) {
    if (name == field && request.*member) text = value_text(*(request.*member));
  });
  return text;
}

}  // namespace perfbench
