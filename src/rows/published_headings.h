// The headings that published tables print, and what each means.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace perfbench {

struct PublishedHeading {
  std::string_view key;        // letters and digits of the heading, in lower case: "tokenssecgpu"
  std::string_view name{};     // of the value: "tokens_per_s_per_gpu"; empty: kept, not read
  std::string_view unit{};     // as it is printed: "s", "ms", "tokens/s/GPU"; kUnknownUnit: the heading doesn't say
  double to_named_unit = 1.0;  // factor from the printed unit to that of the name
};

inline constexpr std::string_view kUnknownUnit = "?";

std::span<const PublishedHeading> published_headings();

// "Tokens / sec / GPU" and "Tokens/sec/GPU" are one heading: letters and digits only, in lower case.
std::string heading_key(std::string_view heading);

// By its key, else by its words without "number of", "average" and their like, in their usual spelling. nullptr where
// nobody knows it.
const PublishedHeading* find_heading(std::string_view heading);

// The text of a hint for an unknown heading: the nearest known ones.
std::string heading_hint(std::string_view heading);

}  // namespace perfbench
