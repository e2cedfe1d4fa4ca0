#include "job/sourced.h"

#include <fmt/core.h>

#include "base/redact.h"
#include "base/text.h"

namespace perfbench {
namespace {

std::string range_text(const NumberRule& rule) {
  return fmt::format("a number from {} to {}{}", format_double(rule.least), format_double(rule.most),
                     rule.may_be_null ? ", or null where no source gives it" : "");
}

std::optional<double> read_value(JsonFields& fields, const NumberRule& rule) {
  const Json* json = fields.any("value");
  if (json == nullptr) {
    fields.problem("value", "is missing", range_text(rule));
    return std::nullopt;
  }
  if (json->is_null() && rule.may_be_null) return std::nullopt;
  const std::optional<double> value = json->number();
  if (!value || !(*value >= rule.least && *value <= rule.most)) {
    fields.problem("value", fmt::format("is {}, but must be {}", shown(*json), range_text(rule)));
  }
  return value;
}

// "prior": 0.89, "deviation": 0.04; a fitted constant has both or neither.
std::optional<Prior> read_prior(JsonFields& fields, const NumberRule& rule) {
  const std::optional<double> value = fields.optional_number("prior");
  const std::optional<double> deviation = fields.optional_number("deviation");
  if (!value && !deviation) return std::nullopt;
  if (!value) fields.problem("prior", "is missing beside a deviation", range_text(rule));
  if (!deviation) fields.problem("deviation", "is missing beside a prior", "of the constant's logarithm, 0.1 for 10 %");
  if (value && !(*value > 0.0 && *value <= rule.most))
    fields.problem("prior", fmt::format("is {}, but must be above 0 and at most {}", *value, format_double(rule.most)));
  if (deviation && !(*deviation > 0.0 && *deviation <= 2.0))
    fields.problem("deviation", fmt::format("is {}, but must be above 0 and at most 2", *deviation));
  return Prior{.value = value.value_or(1.0), .deviation = deviation.value_or(1.0)};
}

}  // namespace

Sourced read_sourced(JsonFields& parent, std::string_view key, const std::string& file, const std::string& path,
                     const NumberRule& rule, std::vector<Problem>& problems) {
  Sourced number;
  const Json* json = parent.any(key);
  if (json == nullptr || !json->is_object()) {
    parent.problem(key, json == nullptr ? "is missing" : fmt::format("is {}", shown(*json)),
                   R"(write {"value": ..., "source": "..."})");
    return number;
  }
  JsonFields fields(*json, file, path.empty() ? std::string(key) : fmt::format("{}.{}", path, key));
  number.value = read_value(fields, rule);
  const Json* source = fields.any("source");
  if (source != nullptr && source->is_string()) number.source = std::get<std::string>(source->value);
  if (trim(number.source).empty()) fields.problem("source", "must say where the number comes from");
  if (rule.fitted) {
    number.prior = read_prior(fields, rule);
    if (fields.any("fitted_on") != nullptr) read_texts(fields, "fitted_on");
  }
  finish_into(fields, problems);
  return number;
}

std::vector<std::string> read_texts(JsonFields& fields, std::string_view key) {
  std::vector<std::string> texts;
  const Json* json = fields.any(key);
  if (json == nullptr) {
    fields.problem(key, "is missing", "a list of texts, [] for none");
    return texts;
  }
  if (!json->is_array()) {
    fields.problem(key, fmt::format("is {}, but must be a list of texts", shown(*json)));
    return texts;
  }
  for (const Json& entry : std::get<Json::Array>(json->value)) {
    if (entry.is_string()) {
      texts.push_back(std::get<std::string>(entry.value));
    } else {
      fields.problem(key, fmt::format("holds {}, but must be a list of texts", shown(entry)));
    }
  }
  return texts;
}

std::string shown(const Json& json) {
  constexpr std::size_t kMaxShown = 60;
  return redacted_start(dump_json(json, -1), kMaxShown);
}

void finish_into(JsonFields& fields, std::vector<Problem>& problems) {
  try {
    fields.finish();
  } catch (const InputError& error) {
    problems.insert(problems.end(), error.problems().begin(), error.problems().end());
  }
}

}  // namespace perfbench
