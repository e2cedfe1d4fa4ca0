// Small text helpers: trimming, splitting, strict numbers, and the nearest valid names for a wrong one.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace perfbench {

std::string_view trim(std::string_view text);
std::string lower(std::string_view text);
std::vector<std::string> split(std::string_view text, char separator);
std::string join(std::span<const std::string> parts, std::string_view separator);

// A whole number: "8", "8.0" and "1,024" are accepted, "8.5", "", "8x" and overflow are not.
std::optional<std::int64_t> parse_int(std::string_view text);
// A finite decimal number, thousands separators accepted: "1,022.26", "1e-3".
std::optional<double> parse_double(std::string_view text);
// true/1/t/yes/y and false/0/f/no/n, any case.
std::optional<bool> parse_bool(std::string_view text);
// Tables write "unset" as an empty cell, "-", "n/a" or "NA".
bool is_unset(std::string_view cell);

// At most `limit` candidates, closest first by edit distance; only those near enough to be what was meant.
std::vector<std::string> nearest(std::string_view name, std::span<const std::string> candidates, std::size_t limit = 3);
// "did you mean a, b?" or "valid: a, b, c" when nothing is near; the text of a hint.
std::string nearest_hint(std::string_view name, std::span<const std::string> candidates);

// The shortest decimal text that reads back as the same double ("0.1", "1621", "1e-06"); "nan" and "inf" as such.
std::string format_double(double value);

// Text for XML 1.0, which has no control characters but tab and line ends; what a file holds may be no UTF-8, so that
// every other byte outside ASCII becomes "?".
std::string xml_escaped(std::string_view text);

}  // namespace perfbench
