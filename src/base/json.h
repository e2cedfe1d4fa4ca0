// JSON documents as plain values. Only json.cpp knows the library behind them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/error.h"

namespace perfbench {

struct Json {
  using Array = std::vector<Json>;
  using Object = std::vector<std::pair<std::string, Json>>;  // in the order of the file
  using Value = std::variant<std::nullptr_t, bool, std::int64_t, double, std::string, Array, Object>;

  Value value;

  Json() : value(nullptr) {}
  Json(std::nullptr_t) : value(nullptr) {}
  Json(bool v) : value(v) {}
  Json(int v) : value(std::int64_t{v}) {}
  Json(std::int64_t v) : value(v) {}
  Json(double v) : value(v) {}
  Json(const char* v) : value(std::string(v)) {}
  Json(std::string v) : value(std::move(v)) {}
  Json(Array v) : value(std::move(v)) {}
  Json(Object v) : value(std::move(v)) {}

  bool is_null() const { return std::holds_alternative<std::nullptr_t>(value); }
  bool is_object() const { return std::holds_alternative<Object>(value); }
  bool is_array() const { return std::holds_alternative<Array>(value); }
  bool is_string() const { return std::holds_alternative<std::string>(value); }
  bool is_bool() const { return std::holds_alternative<bool>(value); }
  std::optional<double> number() const;          // whole or not
  std::optional<std::int64_t> integer() const;   // whole numbers only; 8.0 counts
  const Json* find(std::string_view key) const;  // nullptr when absent or not an object
  void set(std::string key, Json v);             // appends; the value must be an object
};

// Throws InputError with file, line and column of the first fault; duplicate keys are a fault,
// and so is nesting over 200 levels. Whole numbers beyond 64 bits become doubles.
Json parse_json(std::string_view text, const std::string& file);
Json read_json(const std::filesystem::path& path);

// indent < 0: one line. Doubles are written so that they read back equal; NaN and infinities become null.
std::string dump_json(const Json& json, int indent = 2);

// Reads one JSON object with an exact key set, gathering every problem before it complains.
//   JsonFields f(json, "systems/h100.json");
//   spec.memory_bytes = f.number("memory_bytes");
//   f.finish();   // throws InputError: wrong types, missing keys, unknown keys with the nearest known one
class JsonFields {
 public:
  JsonFields(const Json& object, std::string file, std::string path = "");

  std::string text(std::string_view key);                              // required; "" after a problem was noted
  double number(std::string_view key);                                 // required; 0 after a problem
  std::int64_t integer(std::string_view key);                          // required; 0 after a problem
  bool boolean(std::string_view key);                                  // required; false after a problem
  std::optional<std::string> optional_text(std::string_view key);      // absent or null: nullopt
  std::optional<double> optional_number(std::string_view key);         // absent or null: nullopt
  std::optional<std::int64_t> optional_integer(std::string_view key);  // absent or null: nullopt
  std::optional<bool> optional_boolean(std::string_view key);          // absent or null: nullopt
  const Json* any(std::string_view key);           // the raw value, or nullptr; marks the key as known
  void ignore(std::string_view key) { any(key); }  // a key that is known and not used
  void problem(std::string_view key, std::string what, std::string hint = "");
  std::string place(std::string_view key) const;  // "file: path.key", for messages

  // Throws when any problem was noted; with `allow_unknown`, keys that nobody asked for are no problem.
  void finish(bool allow_unknown = false);

 private:
  const Json* require(std::string_view key);
  const Json& object_;
  std::string file_, path_;
  std::vector<std::string> known_;
  std::vector<Problem> problems_;
};

}  // namespace perfbench
