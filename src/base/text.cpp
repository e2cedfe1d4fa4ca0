#include "base/text.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <numeric>
#include <utility>

namespace perfbench {
namespace {

constexpr std::string_view kSpace = " \t\r\n\v\f";
constexpr std::size_t kMaxName = 200;  // bytes; nothing longer is a misspelt name

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Takes out thousands separators; nullopt when they do not part the whole digits in groups of three.
std::optional<std::string> without_separators(std::string_view number) {
  if (number.find(',') == std::string_view::npos) return std::string(number);
  const std::size_t sign = number.starts_with('-') ? 1 : 0;
  const std::size_t end = std::find_if(number.begin() + static_cast<std::ptrdiff_t>(sign), number.end(),
                                       [](char c) { return !is_digit(c) && c != ','; }) -
                          number.begin();
  if (number.find(',', end) != std::string_view::npos) return std::nullopt;
  const std::vector<std::string> groups = split(number.substr(sign, end - sign), ',');
  if (groups.front().empty() || groups.front().size() > 3) return std::nullopt;
  if (!std::all_of(groups.begin() + 1, groups.end(), [](const std::string& group) { return group.size() == 3; })) {
    return std::nullopt;
  }
  return std::string(number.substr(0, sign)) + join(groups, "") + std::string(number.substr(end));
}

// Trimmed, without one leading plus sign and without separators.
std::optional<std::string> plain_number(std::string_view text) {
  text = trim(text);
  if (text.size() > kMaxName) return std::nullopt;
  if (text.size() > 1 && text[0] == '+' && (is_digit(text[1]) || text[1] == '.')) text.remove_prefix(1);
  return without_separators(text);
}

// Edits (insert, delete, replace, swap neighbours) that turn `a` into `b`, each letter edited at most once.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before_previous(b.size() + 1), previous(b.size() + 1), current(b.size() + 1);
  std::iota(previous.begin(), previous.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    current[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replace = previous[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      current[j] = std::min({previous[j] + 1, current[j - 1] + 1, replace});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        current[j] = std::min(current[j], before_previous[j - 2] + 1);
      }
    }
    std::swap(before_previous, previous);
    std::swap(previous, current);
  }
  return previous[b.size()];
}

// The distance when `candidate` is near enough to be meant by `name`, both in lower case: a third of the letters may be
// wrong, or one of them is a part (two letters or more) of the other.
std::optional<std::size_t> nearness(std::string_view name, std::string_view candidate) {
  const std::string_view shorter = name.size() < candidate.size() ? name : candidate;
  const std::string_view longer = name.size() < candidate.size() ? candidate : name;
  const std::size_t gap = longer.size() - shorter.size();
  if (shorter.size() >= 2 && longer.find(shorter) != std::string_view::npos) return gap;
  const std::size_t limit = std::max<std::size_t>(1, longer.size() / 3);
  if (shorter.empty() || gap > limit) return std::nullopt;
  const std::size_t distance = edit_distance(name, candidate);
  if (distance > limit || distance == longer.size()) return std::nullopt;  // the latter share no letter
  return distance;
}

}  // namespace

std::string_view trim(std::string_view text) {
  const std::size_t first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  for (std::size_t end = text.find(separator); end != std::string_view::npos; end = text.find(separator)) {
    parts.emplace_back(text.substr(0, end));
    text.remove_prefix(end + 1);
  }
  parts.emplace_back(text);
  return parts;
}

std::string join(std::span<const std::string> parts, std::string_view separator) {
  std::string out;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (i > 0) out += separator;
    out += parts[i];
  }
  return out;
}

std::optional<std::int64_t> parse_int(std::string_view text) {
  std::optional<std::string> number = plain_number(text);
  if (!number) return std::nullopt;
  const std::size_t point = number->find('.');
  if (point != std::string::npos) {
    if (point + 1 == number->size() || number->find_first_not_of('0', point + 1) != std::string::npos) {
      return std::nullopt;
    }
    number->resize(point);
  }
  std::int64_t value = 0;
  const char* end = number->data() + number->size();
  const auto [stop, error] = std::from_chars(number->data(), end, value);
  if (error != std::errc{} || stop != end) return std::nullopt;
  return value;
}

std::optional<double> parse_double(std::string_view text) {
  const std::optional<std::string> number = plain_number(text);
  if (!number) return std::nullopt;
  double value = 0;
  const char* end = number->data() + number->size();
  const auto [stop, error] = std::from_chars(number->data(), end, value);
  if (error != std::errc{} || stop != end || !std::isfinite(value)) return std::nullopt;
  return value;
}

std::optional<bool> parse_bool(std::string_view text) {
  constexpr std::array<std::string_view, 5> kTrue{"true", "1", "t", "yes", "y"};
  constexpr std::array<std::string_view, 5> kFalse{"false", "0", "f", "no", "n"};
  const std::string word = lower(trim(text));
  if (std::find(kTrue.begin(), kTrue.end(), word) != kTrue.end()) return true;
  if (std::find(kFalse.begin(), kFalse.end(), word) != kFalse.end()) return false;
  return std::nullopt;
}

bool is_unset(std::string_view cell) {
  const std::string word = lower(trim(cell));
  return word.empty() || word == "-" || word == "n/a" || word == "na";
}

std::vector<std::string> nearest(std::string_view name, std::span<const std::string> candidates, std::size_t limit) {
  if (name.size() > kMaxName) return {};
  const std::string wanted = lower(trim(name));
  std::vector<std::pair<std::size_t, std::string>> near;
  for (const std::string& candidate : candidates) {
    if (const auto distance = nearness(wanted, lower(candidate))) near.emplace_back(*distance, candidate);
  }
  std::sort(near.begin(), near.end());
  near.erase(std::unique(near.begin(), near.end()), near.end());
  if (near.size() > limit) near.resize(limit);
  std::vector<std::string> names;
  names.reserve(near.size());
  for (auto& [distance, candidate] : near) names.push_back(std::move(candidate));
  return names;
}

std::string nearest_hint(std::string_view name, std::span<const std::string> candidates) {
  constexpr std::size_t kMaxListed = 20;
  if (candidates.empty()) return "";
  const std::vector<std::string> near = nearest(name, candidates);
  if (!near.empty()) return "did you mean " + join(near, ", ") + "?";
  std::string hint = "valid: " + join(candidates.first(std::min(kMaxListed, candidates.size())), ", ");
  if (candidates.size() > kMaxListed) hint += ", ... (" + std::to_string(candidates.size()) + " in all)";
  return hint;
}

std::string format_double(double value) {
  if (std::isnan(value)) return "nan";
  std::array<char, 64> buffer{};
  const double size = std::fabs(value);
  // Plain digits for sizes that people read; to_chars alone would write 100000 as 1e+05.
  const bool plain = size == 0 || (size >= 1e-5 && size < 1e15);
  const auto format = plain ? std::chars_format::fixed : std::chars_format::scientific;
  const auto result = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value, format);
  return {buffer.data(), result.ptr};
}

std::string xml_escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '&')
      out += "&amp;";
    else if (c == '<')
      out += "&lt;";
    else if (c == '>')
      out += "&gt;";
    else if (c == '"')
      out += "&quot;";
    else
      out += (byte < 0x20 && c != '\n' && c != '\t') || byte >= 0x7f ? '?' : c;
  }
  return out;
}

}  // namespace perfbench
