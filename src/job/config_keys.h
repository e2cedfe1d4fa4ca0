// The keys of one model's config.json, read by name with their ranges and defaults; every problem is kept until
// finish().
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace perfbench {

struct KeyRange {
  std::int64_t least = 1;
  std::int64_t most = 1 << 20;
};

inline constexpr KeyRange kSizes{1, 1 << 20};
inline constexpr KeyRange kHeads{1, 4096};
inline constexpr KeyRange kExperts{1, 4096};
inline constexpr KeyRange kLayers{1, 1024};
inline constexpr KeyRange kVocab{1, 1 << 24};
inline constexpr KeyRange kPositions{1, 1 << 30};

class ConfigKeys {
 public:
  ConfigKeys(const Json& config, std::string file) : fields_(config, std::move(file)) {}

  // A whole number in `range`; absent or null gives the fallback, and is a problem without one. After a problem:
  // range.least.
  std::int64_t whole(std::string_view key, KeyRange range, std::optional<std::int64_t> fallback = std::nullopt);
  int count(std::string_view key, KeyRange range, std::optional<std::int64_t> fallback = std::nullopt);
  double positive(std::string_view key, double fallback);
  bool flag(std::string_view key, bool fallback);
  std::string word(std::string_view key, std::string_view fallback);  // absent or null: the fallback
  // A list with one entry per layer; empty when absent, null or [].
  std::vector<std::string> layer_words(std::string_view key, int num_layers, std::span<const std::string> valid);
  std::vector<std::int64_t> numbers(std::string_view key, KeyRange range);  // a list; empty when absent or null

  bool has(std::string_view key);  // present and not null; the key counts as known
  const Json* any(std::string_view key) { return fields_.any(key); }
  void ignore(std::span<const std::string_view> keys);
  void problem(std::string_view key, std::string what, std::string hint = "");
  bool ok() const { return ok_; }  // no problem so far: rules between keys can be checked

  void finish() { fields_.finish(); }  // throws every problem, keys that nobody asked for among them

 private:
  const Json* present(std::string_view key);  // nullptr when absent or null
  JsonFields fields_;
  bool ok_ = true;
};

}  // namespace perfbench
