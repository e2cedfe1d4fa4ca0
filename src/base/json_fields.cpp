#include <algorithm>
#include <cmath>

#include "base/json.h"
#include "base/redact.h"
#include "base/text.h"

namespace perfbench {
namespace {

// What was found, for messages: "the text \"8\"".
std::string describe(const Json& json) {
  struct Words {
    std::string operator()(std::nullptr_t) const { return "null"; }
    std::string operator()(bool v) const { return v ? "true" : "false"; }
    std::string operator()(std::int64_t v) const { return "the number " + std::to_string(v); }
    std::string operator()(double v) const { return "the number " + format_double(v); }
    std::string operator()(const std::string& v) const {
      constexpr std::size_t kMaxShown = 40;
      return "the text \"" + redacted_start(v, kMaxShown) + "\"";
    }
    std::string operator()(const Json::Array&) const { return "an array"; }
    std::string operator()(const Json::Object&) const { return "an object"; }
  };
  return std::visit(Words{}, json.value);
}

// Each kind of field: its name in messages, and how a value is read.
std::optional<std::string> as_text(const Json& json) {
  const auto* v = std::get_if<std::string>(&json.value);
  return v == nullptr ? std::nullopt : std::optional(*v);
}
std::optional<bool> as_boolean(const Json& json) {
  const auto* v = std::get_if<bool>(&json.value);
  return v == nullptr ? std::nullopt : std::optional(*v);
}
std::optional<double> as_number(const Json& json) { return json.number(); }
std::optional<std::int64_t> as_integer(const Json& json) { return json.integer(); }

constexpr const char* kText = "a text";
constexpr const char* kBoolean = "true or false";
constexpr const char* kNumber = "a number";
constexpr const char* kInteger = "a whole number";

// The value of `json` (may be nullptr), or nullopt after a note of what was expected.
template <class T>
std::optional<T> convert(JsonFields& fields, std::string_view key, const Json* json,
                         std::optional<T> (*read)(const Json&), const char* kind) {
  if (json == nullptr) return std::nullopt;
  std::optional<T> value = read(*json);
  if (!value) fields.problem(key, std::string("expected ") + kind + ", found " + describe(*json));
  return value;
}

const Json* unless_null(const Json* json) { return json == nullptr || json->is_null() ? nullptr : json; }

}  // namespace

JsonFields::JsonFields(const Json& object, std::string file, std::string path)
    : object_(object), file_(std::move(file)), path_(std::move(path)) {
  if (!object.is_object()) problem("", "expected an object, found " + describe(object));
}

std::string JsonFields::place(std::string_view key) const {
  std::string name = path_;
  if (!name.empty() && !key.empty()) name += '.';
  name += key;
  return name.empty() ? file_ : file_ + ": " + name;
}

void JsonFields::problem(std::string_view key, std::string what, std::string hint) {
  problems_.push_back({.where = place(key), .what = std::move(what), .hint = std::move(hint)});
}

const Json* JsonFields::any(std::string_view key) {
  if (std::find(known_.begin(), known_.end(), key) == known_.end()) known_.emplace_back(key);
  return object_.find(key);
}

const Json* JsonFields::require(std::string_view key) {
  const Json* json = any(key);
  if (json == nullptr && object_.is_object()) problem(key, "this key is missing");
  return json;
}

std::string JsonFields::text(std::string_view key) {
  return convert(*this, key, require(key), as_text, kText).value_or("");
}
double JsonFields::number(std::string_view key) {
  return convert(*this, key, require(key), as_number, kNumber).value_or(0.0);
}
std::int64_t JsonFields::integer(std::string_view key) {
  return convert(*this, key, require(key), as_integer, kInteger).value_or(0);
}
bool JsonFields::boolean(std::string_view key) {
  return convert(*this, key, require(key), as_boolean, kBoolean).value_or(false);
}

std::optional<std::string> JsonFields::optional_text(std::string_view key) {
  return convert(*this, key, unless_null(any(key)), as_text, kText);
}
std::optional<double> JsonFields::optional_number(std::string_view key) {
  return convert(*this, key, unless_null(any(key)), as_number, kNumber);
}
std::optional<std::int64_t> JsonFields::optional_integer(std::string_view key) {
  return convert(*this, key, unless_null(any(key)), as_integer, kInteger);
}
std::optional<bool> JsonFields::optional_boolean(std::string_view key) {
  return convert(*this, key, unless_null(any(key)), as_boolean, kBoolean);
}

void JsonFields::finish(bool allow_unknown) {
  const auto* object = std::get_if<Json::Object>(&object_.value);
  if (object != nullptr && !allow_unknown) {
    for (const auto& [key, value] : *object) {
      if (std::find(known_.begin(), known_.end(), key) != known_.end()) continue;
      problem(key, "unknown key", nearest_hint(key, known_));
    }
  }
  if (!problems_.empty()) throw InputError(problems_);
}

}  // namespace perfbench
