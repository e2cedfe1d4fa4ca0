#include "sim/growth.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.h"

namespace perfbench {
namespace {

constexpr double kEqual = 1e-11;  // of a stretch

// Times of -infinity are alike, and stay.
double difference(double a, double b) { return a == b ? 0.0 : a - b; }

bool equal(double a, double b, double now, double stretch_s) {
  const double rounding = 4.0 * std::numeric_limits<double>::epsilon() * std::abs(now);
  return std::abs(difference(a, b)) <= kEqual * stretch_s + rounding;
}

std::vector<double> differences(const std::vector<double>& after, const std::vector<double>& before) {
  check(after.size() == before.size(), "growth: the stretches are not equal");
  std::vector<double> result(after.size());
  for (std::size_t i = 0; i < after.size(); ++i) result[i] = difference(after[i], before[i]);
  return result;
}

}  // namespace

Mark mark_lanes(PipelineState& state) {
  Mark mark{.num_stages = state.clocks.size()};
  state.for_each_lane([&](double time_s) { mark.times_s.push_back(state.origin_s + time_s); });
  return mark;
}

Mark mark(PipelineState& state) {
  Mark mark{.num_stages = state.clocks.size()};
  state.for_each_time([&](double time_s) { mark.times_s.push_back(state.origin_s + time_s); });
  state.for_each_sum([&](double sum) { mark.sums.push_back(sum); });
  return mark;
}

Growth growth(const Mark& before, const Mark& after) {
  Growth growth{.times_s = differences(after.times_s, before.times_s), .sums = differences(after.sums, before.sums)};
  const auto compute = growth.times_s.begin();
  const auto [fastest, slowest] =
      std::minmax_element(compute, compute + static_cast<std::ptrdiff_t>(before.num_stages));
  growth.slowest_s = *slowest;
  growth.fastest_s = *fastest;
  return growth;
}

bool alike(const Growth& a, const Growth& b, const Mark& now) {
  for (std::size_t i = 0; i < a.times_s.size(); ++i) {
    if (!equal(a.times_s[i], b.times_s[i], now.times_s[i], b.slowest_s)) return false;
  }
  return true;
}

bool on_a_line(const Growth& first, const Growth& second, double skipped, const Growth& later, const Mark& now) {
  for (std::size_t i = 0; i < first.sums.size(); ++i) {
    const double slope = second.sums[i] - first.sums[i],
                 mean_slope = (later.sums[i] - second.sums[i]) / (skipped + 1.0);
    if (!equal(slope, mean_slope, now.sums[i], second.slowest_s)) return false;
  }
  return true;
}

std::vector<double> drifts_s(const Growth& growth, const Mark& now) {
  std::vector<double> rates_s = {growth.slowest_s};  // each once
  std::vector<double> drifts;
  for (std::size_t i = 0; i < growth.times_s.size(); ++i) {
    const double grown_s = growth.times_s[i];
    auto rate = std::find_if(rates_s.begin(), rates_s.end(),
                             [&](double rate_s) { return equal(grown_s, rate_s, now.times_s[i], growth.slowest_s); });
    if (rate == rates_s.end()) rate = rates_s.insert(rate, grown_s);
    drifts.push_back(*rate - growth.slowest_s);
  }
  return drifts;
}

}  // namespace perfbench
