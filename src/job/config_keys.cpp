#include "job/config_keys.h"

#include <fmt/core.h>

#include <algorithm>

#include "base/text.h"
#include "job/sourced.h"

namespace perfbench {

const Json* ConfigKeys::present(std::string_view key) {
  const Json* json = fields_.any(key);
  return json == nullptr || json->is_null() ? nullptr : json;
}

bool ConfigKeys::has(std::string_view key) { return present(key) != nullptr; }

void ConfigKeys::problem(std::string_view key, std::string what, std::string hint) {
  ok_ = false;
  fields_.problem(key, std::move(what), std::move(hint));
}

std::int64_t ConfigKeys::whole(std::string_view key, KeyRange range, std::optional<std::int64_t> fallback) {
  const Json* json = present(key);
  if (json == nullptr) {
    if (!fallback) problem(key, "is missing", fmt::format("a whole number from {} to {}", range.least, range.most));
    return fallback.value_or(range.least);
  }
  const std::optional<std::int64_t> value = json->integer();
  if (!value || *value < range.least || *value > range.most) {
    problem(key, fmt::format("is {}, but must be a whole number from {} to {}", shown(*json), range.least, range.most));
    return range.least;
  }
  return *value;
}

int ConfigKeys::count(std::string_view key, KeyRange range, std::optional<std::int64_t> fallback) {
  return static_cast<int>(whole(key, range, fallback));  // every range of counts fits
}

double ConfigKeys::positive(std::string_view key, double fallback) {
  const Json* json = present(key);
  if (json == nullptr) return fallback;
  const std::optional<double> value = json->number();
  if (value && *value > 0.0) return *value;
  problem(key, fmt::format("is {}, but must be a number above 0", shown(*json)));
  return fallback;
}

bool ConfigKeys::flag(std::string_view key, bool fallback) {
  const Json* json = present(key);
  if (json == nullptr) return fallback;
  if (json->is_bool()) return std::get<bool>(json->value);
  problem(key, fmt::format("is {}, but must be true or false", shown(*json)));
  return fallback;
}

std::string ConfigKeys::word(std::string_view key, std::string_view fallback) {
  const Json* json = present(key);
  if (json == nullptr) return std::string(fallback);
  if (json->is_string()) return std::get<std::string>(json->value);
  problem(key, fmt::format("is {}, but must be a text", shown(*json)));
  return std::string(fallback);
}

std::vector<std::string> ConfigKeys::layer_words(std::string_view key, int num_layers,
                                                 std::span<const std::string> valid) {
  const Json* json = present(key);
  if (json == nullptr) return {};
  if (!json->is_array()) {
    problem(key, fmt::format("is {}, but must be a list with a text per layer", shown(*json)));
    return {};
  }
  const auto& entries = std::get<Json::Array>(json->value);
  std::vector<std::string> words;
  for (const Json& entry : entries) {
    words.push_back(entry.is_string() ? std::get<std::string>(entry.value) : shown(entry));
    if (std::find(valid.begin(), valid.end(), words.back()) == valid.end()) {
      problem(key, fmt::format("holds \"{}\"", words.back()), nearest_hint(words.back(), valid));
      return {};
    }
  }
  if (!words.empty() && std::ssize(words) != num_layers) {
    problem(key, fmt::format("has {} entries for {} layers", words.size(), num_layers));
    return {};
  }
  return words;
}

std::vector<std::int64_t> ConfigKeys::numbers(std::string_view key, KeyRange range) {
  const Json* json = present(key);
  if (json == nullptr) return {};
  std::vector<std::int64_t> values;
  const auto* entries = std::get_if<Json::Array>(&json->value);
  bool good = entries != nullptr;
  for (std::size_t i = 0; good && i < entries->size(); ++i) {
    const std::optional<std::int64_t> value = (*entries)[i].integer();
    good = value && *value >= range.least && *value <= range.most;
    if (good) values.push_back(*value);
  }
  if (good) return values;
  problem(key, fmt::format("is {}, but must be a list of whole numbers from {} to {}", shown(*json), range.least,
                           range.most));
  return {};
}

void ConfigKeys::ignore(std::span<const std::string_view> keys) {
  for (const std::string_view key : keys) fields_.ignore(key);
}

}  // namespace perfbench
