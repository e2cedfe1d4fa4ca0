#include "accuracy/spread.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <utility>

namespace perfbench {
namespace {

constexpr double kNormal = 1.281552;  // the 90 % quantile of the normal distribution

// The 90 % quantile of Student's t over that of the normal distribution, by the expansion in 1 / degrees (Abramowitz
// and Stegun 26.7.5): off by 2 % at 2 degrees, by less above.
double student_factor(double degrees) {
  const double z = kNormal, z3 = z * z * z, z5 = z3 * z * z;
  const double t = z + (z3 + z) / (4.0 * degrees) + (5.0 * z5 + 16.0 * z3 + 3.0 * z) / (96.0 * degrees * degrees);
  return t / z;
}

}  // namespace

bool Spread::holds(double error) const { return std::exp(error) >= low && std::exp(error) <= high; }

double weighted_quantile(std::vector<std::pair<double, double>> values, double share) {
  std::ranges::sort(values);
  double total = 0.0;
  for (const auto& [value, weight] : values) total += weight;
  // Each value stands in the middle of its weight.
  double below = 0.0, last_place = 0.0, last_value = values.front().first;
  for (const auto& [value, weight] : values) {
    const double place = (below + weight / 2.0) / total;
    if (place >= share) {
      const double part = place > last_place ? (share - last_place) / (place - last_place) : 1.0;
      return below == 0.0 ? value : last_value + part * (value - last_value);
    }
    below += weight;
    last_place = place;
    last_value = value;
  }
  return last_value;
}

std::optional<Spread> spread_of(const KnownRows& known, const std::vector<double>& errors, const std::string& software,
                                const std::function<bool(std::size_t)>& counts) {
  const std::vector<double> weights = mean_weights(known);
  std::vector<std::pair<double, double>> values;
  std::set<std::string> documents, own_documents;
  for (std::size_t i = 0; i < known.rows.size(); ++i) {
    const KnownRow& row = known.rows[i];
    if (weights[i] == 0.0 || row.other_format || !counts(i)) continue;
    documents.insert(row.document);
    if (row.software != software) continue;
    values.emplace_back(errors[i], weights[i]);
    own_documents.insert(row.document);
  }
  if (values.empty()) return std::nullopt;
  const double degrees = std::max(static_cast<double>(documents.size()) - 1.0, 1.0);
  const double wider = student_factor(degrees) * std::sqrt(1.0 + 1.0 / (degrees + 1.0));
  const double middle = weighted_quantile(values, 0.5);
  Spread spread{.documents = static_cast<int>(own_documents.size())};
  spread.low = std::exp(middle - wider * (middle - weighted_quantile(values, 0.1)));
  spread.high = std::exp(middle + wider * (weighted_quantile(values, 0.9) - middle));
  for (const auto& [value, weight] : values) spread.rows += weight;
  return spread;
}

std::vector<std::optional<bool>> held_when_left_out(const KnownRows& known, const LeftOut& out) {
  std::map<std::pair<std::string, std::string>, std::optional<Spread>> spreads;  // by fold and software
  std::vector<std::optional<bool>> held;
  for (std::size_t i = 0; i < known.rows.size(); ++i) {
    const std::pair key(out.folds[i], known.rows[i].software);
    if (!spreads.contains(key))
      spreads[key] = spread_of(known, out.errors, key.second, [&](std::size_t j) { return out.folds[j] != key.first; });
    const std::optional<Spread>& spread = spreads[key];
    held.push_back(spread ? std::optional(spread->holds(out.errors[i])) : std::nullopt);
  }
  return held;
}

}  // namespace perfbench
