#include "rows/value.h"

#include <array>
#include <limits>
#include <span>

#include "base/text.h"

namespace perfbench {
namespace {

constexpr std::array kMethods{Method::measured, Method::slice, Method::simulated, Method::published};
constexpr std::array kTasks{Task::pretrain, Task::sft, Task::lora};
constexpr std::array kPrecisions{Precision::fp32,  Precision::bf16,  Precision::fp8cs,
                                 Precision::fp8ds, Precision::mxfp8, Precision::nvfp4};

template <class Enum>
std::string assign_word(Enum& field, const Json& value, std::span<const Enum> words) {
  if (value.is_null()) return "";
  std::vector<std::string> names;
  for (const Enum word : words) {
    names.emplace_back(name(word));
    if (value.is_string() && std::get<std::string>(value.value) == names.back()) {
      field = word;
      return "";
    }
  }
  return "must be one of " + join(names, ", ");
}

}  // namespace

Json value_of(const std::string& text) { return text.empty() ? Json() : Json(text); }
Json value_of(std::int64_t count) { return count == 0 ? Json() : Json(count); }
Json value_of(const std::optional<std::int64_t>& count) { return count ? Json(*count) : Json(); }
Json value_of(bool flag) { return flag; }
Json value_of(const std::optional<bool>& flag) { return flag ? Json(*flag) : Json(); }
Json value_of(const std::optional<double>& number) { return number ? Json(*number) : Json(); }
Json value_of(Method method) { return std::string(name(method)); }
Json value_of(Status status) { return std::string(name(status)); }
Json value_of(Task task) { return std::string(name(task)); }
Json value_of(Precision precision) { return std::string(name(precision)); }

Json value_of(const std::vector<double>& numbers) { return Json::Array(numbers.begin(), numbers.end()); }

Json value_of(const std::vector<std::pair<std::string, double>>& seconds_by_part) {
  Json::Object object;
  for (const auto& [part, seconds] : seconds_by_part) object.emplace_back(part, seconds);
  return object;
}

Json value_of(const std::vector<StageMemory>& memory) {
  Json::Array array;
  for (const StageMemory& entry : memory)
    array.push_back(Json::Object{{"stage", entry.stage}, {"category", entry.category}, {"gib", entry.gib}});
  return array;
}

Json value_of(const std::optional<FitsWith>& change) {
  if (!change) return {};
  return Json::Object{{"flags", change->flags},
                      {"peak_memory_gib", change->peak_memory_gib},
                      {"step_time_s", value_of(change->step_time_s)}};
}

Json value_of(const std::map<std::string, std::string>& texts) {
  Json::Object object;
  for (const auto& [key, text] : texts) object.emplace_back(key, text);
  return object;
}

Json value_of(const std::vector<std::string>& texts) { return Json::Array(texts.begin(), texts.end()); }
Json value_of(const std::optional<PublishedRow>& row) { return row ? to_json(*row) : Json(); }

std::string assign(std::string& field, const Json& value) {
  if (value.is_null()) return "";
  if (!value.is_string()) return "must be a text";
  field = std::get<std::string>(value.value);
  return "";
}

std::string assign(std::int64_t& field, const Json& value) {
  if (value.is_null()) return "";
  const auto whole = value.integer();
  if (!whole || *whole < 1) return "must be a whole number of at least 1";
  field = *whole;
  return "";
}

std::string assign(std::optional<std::int64_t>& field, const Json& value) {
  if (value.is_null()) return "";
  const auto whole = value.integer();
  if (!whole || *whole < 0) return "must be a whole number of at least 0";
  field = *whole;
  return "";
}

std::string assign(bool& field, const Json& value) {
  if (value.is_null()) return "";
  if (!value.is_bool()) return "must be true or false";
  field = std::get<bool>(value.value);
  return "";
}

std::string assign(std::optional<bool>& field, const Json& value) {
  if (value.is_null()) return "";
  bool flag = false;
  std::string rule = assign(flag, value);
  if (rule.empty()) field = flag;
  return rule;
}

std::string assign(std::optional<double>& field, const Json& value) {
  if (value.is_null()) return "";
  field = value.number();
  return field ? "" : "must be a number";
}

std::string assign(Method& field, const Json& value) { return assign_word<Method>(field, value, kMethods); }
std::string assign(Status& field, const Json& value) { return assign_word<Status>(field, value, kStatuses); }
std::string assign(Task& field, const Json& value) { return assign_word<Task>(field, value, kTasks); }
std::string assign(Precision& field, const Json& value) { return assign_word<Precision>(field, value, kPrecisions); }
std::string assign(FlopsConvention& field, const Json& value) {
  return assign_word<FlopsConvention>(field, value, kFlopsConventions);
}

std::string assign(std::vector<double>& field, const Json& value) {
  if (value.is_null()) return "";
  if (!value.is_array()) return "must be a list of numbers";
  std::vector<double> numbers;
  for (const Json& entry : std::get<Json::Array>(value.value)) {
    const auto number = entry.number();
    if (!number) return "must be a list of numbers";
    numbers.push_back(*number);
  }
  field = std::move(numbers);
  return "";
}

std::string assign(std::vector<std::pair<std::string, double>>& field, const Json& value) {
  if (value.is_null()) return "";
  if (!value.is_object()) return "must be an object of seconds by part";
  for (const auto& [part, seconds] : std::get<Json::Object>(value.value)) {
    const auto number = seconds.number();
    if (!number) return "must be an object of seconds by part; " + part + " is no number";
    field.emplace_back(part, *number);
  }
  return "";
}

std::string assign(std::vector<StageMemory>& field, const Json& value) {
  if (value.is_null()) return "";
  const char* const rule = "must be a list of objects with the keys stage (from 0), category, gib";
  if (!value.is_array()) return rule;
  for (const Json& entry : std::get<Json::Array>(value.value)) {
    const Json *stage = entry.find("stage"), *category = entry.find("category"), *gib = entry.find("gib");
    const std::optional<std::int64_t> number = stage ? stage->integer() : std::nullopt;
    if (!number || *number < 0 || *number > std::numeric_limits<int>::max()) return rule;
    if (!category || !category->is_string() || !gib || !gib->number()) return rule;
    field.push_back({static_cast<int>(*number), std::get<std::string>(category->value), *gib->number()});
  }
  return "";
}

std::string assign(std::optional<FitsWith>& field, const Json& value) {
  if (value.is_null()) return "";
  const char* const rule = "must be an object of flags, peak_memory_gib and step_time_s";
  const Json *flags = value.find("flags"), *gib = value.find("peak_memory_gib"), *seconds = value.find("step_time_s");
  if (!flags || !flags->is_string() || !gib || !gib->number() || !seconds) return rule;
  FitsWith change{.flags = std::get<std::string>(flags->value), .peak_memory_gib = *gib->number()};
  if (!assign(change.step_time_s, *seconds).empty()) return rule;
  field = std::move(change);
  return "";
}

std::string assign(std::map<std::string, std::string>& field, const Json& value) {
  if (value.is_null()) return "";
  if (!value.is_object()) return "must be an object of texts";
  for (const auto& [key, text] : std::get<Json::Object>(value.value)) {
    if (!text.is_string()) return "must be an object of texts; " + key + " is none";
    field[key] = std::get<std::string>(text.value);
  }
  return "";
}

std::string assign(std::vector<std::string>& field, const Json& value) {
  if (value.is_null()) return "";
  if (!value.is_array()) return "must be a list of texts";
  for (const Json& text : std::get<Json::Array>(value.value)) {
    if (!text.is_string()) return "must be a list of texts";
    field.push_back(std::get<std::string>(text.value));
  }
  return "";
}

std::string assign(std::optional<PublishedRow>& field, const Json& value) {
  if (value.is_null()) return "";
  try {
    field = published_row_from_json(value, "published");
    return "";
  } catch (const InputError& error) {
    std::vector<std::string> rules;
    for (const Problem& problem : error.problems()) rules.push_back(problem.where + ": " + problem.what);
    return join(rules, "; ");
  }
}

}  // namespace perfbench
