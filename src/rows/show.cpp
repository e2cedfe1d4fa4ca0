#include "rows/show.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numeric>

namespace perfbench {
namespace {

int decimals_for(double magnitude) {
  if (magnitude == 0.0 || magnitude >= 999.95) return magnitude == 0.0 ? 1 : 0;
  const int digits_before_point = static_cast<int>(std::floor(std::log10(magnitude))) + 1;  // 0 or less below 0.1
  return std::min(4 - digits_before_point, 12);
}

std::string with_separators(std::string text) {
  const auto point = text.find('.');
  auto position = static_cast<std::ptrdiff_t>(point == std::string::npos ? text.size() : point) - 3;
  const std::ptrdiff_t first = text.starts_with('-') ? 1 : 0;
  for (; position > first; position -= 3) text.insert(static_cast<std::size_t>(position), ",");
  return text;
}

}  // namespace

std::string show_quantity(double value) {
  if (!std::isfinite(value)) return fmt::format("{}", value);
  return with_separators(fmt::format("{:.{}f}", value, decimals_for(std::abs(value))));
}

std::string show_percent(double share) { return fmt::format("{:.1f} %", share * 100.0); }

std::string show_ratio(const std::optional<double>& ratio) { return ratio ? fmt::format("{:.3f}", *ratio) : "-"; }

std::vector<std::string> show_shares(const std::vector<double>& values) {
  constexpr std::int64_t kAll = 1000;  // tenths of a percent
  const double sum = std::accumulate(values.begin(), values.end(), 0.0);
  std::vector<std::int64_t> tenths(values.size(), 0);
  if (sum > 0.0) {
    std::vector<double> remainders(values.size());
    for (std::size_t i = 0; i < values.size(); ++i) {
      const double exact = values[i] / sum * static_cast<double>(kAll);
      tenths[i] = static_cast<std::int64_t>(std::floor(exact));
      remainders[i] = exact - std::floor(exact);
    }
    // The largest remainders are rounded up, as many as are needed.
    std::vector<std::size_t> order(values.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return remainders[a] > remainders[b]; });
    std::int64_t left = kAll - std::accumulate(tenths.begin(), tenths.end(), std::int64_t{0});
    for (std::size_t i = 0; i < order.size() && left > 0; ++i, --left) ++tenths[order[i]];
  }
  std::vector<std::string> shares;
  shares.reserve(tenths.size());
  for (const std::int64_t t : tenths) shares.push_back(fmt::format("{}.{}", t / 10, t % 10));
  return shares;
}

std::string show_value(const Json& value) {
  if (const auto* text = std::get_if<std::string>(&value.value)) return *text;
  if (const auto* flag = std::get_if<bool>(&value.value)) return *flag ? "1" : "0";
  if (const auto* whole = std::get_if<std::int64_t>(&value.value)) return std::to_string(*whole);
  if (const auto* number = std::get_if<double>(&value.value)) return show_quantity(*number);
  return value.is_null() ? "-" : dump_json(value, -1);
}

}  // namespace perfbench
