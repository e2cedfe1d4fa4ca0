#include "harness/statistics.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/error.h"
#include "base/text.h"

namespace perfbench {
namespace {

// Iglewicz and Hoaglin, How to Detect and Handle Outliers (1993): scores above 3.5 are outliers. 0.6745 is the MAD and
// 1 / 1.2533 the mean absolute deviation of a normal distribution in standard deviations; the latter stands in where
// more than half of the values are equal, so that the MAD is 0.
constexpr double kOutlierScore = 3.5;
constexpr double kMadOfNormal = 0.6745;
constexpr double kInverseMeanDeviationOfNormal = 1.2533;
constexpr double kLeastOutlierShare = 0.01;  // of the median; steadier runs than that have no outliers
constexpr double kSlowRankShare = 0.1;       // of the other ranks' median
constexpr std::int64_t kNamedSteps = 10;     // at most, in one warning

double deviation_scale(std::span<const double> values) {
  const double mad = median_absolute_deviation(values);
  if (mad > 0.0) return mad / kMadOfNormal;
  const double middle = median(values);
  double sum = 0.0;
  for (const double value : values) sum += std::abs(value - middle);
  return kInverseMeanDeviationOfNormal * sum / static_cast<double>(values.size());
}

// The distance from the median beyond which a value is an outlier.
double outlier_distance(std::span<const double> values) {
  return std::max(kOutlierScore * deviation_scale(values), kLeastOutlierShare * median(values));
}

void refuse(StepStatistics& statistics, std::string feature, std::string reason) {
  statistics.feature = std::move(feature);
  statistics.reason = std::move(reason);
}

void check_rules(const StatisticsRules& rules) {
  std::vector<Problem> problems;
  const StepWindow& window = rules.window;
  if (window.first < 1) problems.push_back({"window", fmt::format("starts at step {}, before 1", window.first), ""});
  if (window.last != 0 && window.last < window.first)
    problems.push_back({"window", fmt::format("ends at step {}, before step {}", window.last, window.first), ""});
  if (!(rules.cv_limit >= 0.0))
    problems.push_back({"cv_limit", fmt::format("{} is below 0", format_double(rules.cv_limit)), ""});
  if (!problems.empty()) throw InputError(std::move(problems));
}

// The window with its end set; notes a refusal where the run has not all its steps on every rank.
StepWindow window_of(const StepTimes& times, StepWindow window, StepStatistics& statistics) {
  std::int64_t longest = 0;
  for (const auto& steps : times.by_rank_s) longest = std::max(longest, std::ssize(steps));
  if (longest < window.first) {
    refuse(statistics, "steps",
           longest == 0 ? std::string("no rank has told any step time")
                        : fmt::format("the run has {} steps, the window starts at step {}", longest, window.first));
    return window;
  }
  if (window.last == 0) window.last = longest;
  for (std::size_t rank = 0; rank < times.by_rank_s.size(); ++rank) {
    const std::int64_t steps = std::ssize(times.by_rank_s[rank]);
    if (steps >= window.last) continue;
    refuse(statistics, "steps",
           fmt::format("rank {} has {} steps, the window is steps {}-{}", rank, steps, window.first, window.last));
    return window;
  }
  statistics.window = fmt::format("steps {}-{} of {}", window.first, window.last, longest);
  return window;
}

// Warm-up too: a clock that runs backwards there is no better later.
void check_samples(const StepTimes& times, StepStatistics& statistics) {
  for (std::size_t rank = 0; rank < times.by_rank_s.size(); ++rank) {
    const auto& steps = times.by_rank_s[rank];
    const auto bad = std::find_if(steps.begin(), steps.end(), [](double s) { return !(std::isfinite(s) && s > 0.0); });
    if (bad == steps.end()) continue;
    refuse(statistics, "samples",
           fmt::format("step {} of rank {} took {} s; the time of a step must be positive and finite",
                       bad - steps.begin() + 1, rank, format_double(*bad)));
    return;
  }
}

std::span<const double> steps_of(const std::vector<double>& steps, const StepWindow& window) {
  return std::span(steps).subspan(static_cast<std::size_t>(window.first - 1),
                                  static_cast<std::size_t>(window.last - window.first + 1));
}

std::vector<double> slowest_by_step(const StepTimes& times, const StepWindow& window) {
  std::vector<double> slowest(static_cast<std::size_t>(window.last - window.first + 1), 0.0);
  for (const auto& steps : times.by_rank_s) {
    const auto inside = steps_of(steps, window);
    for (std::size_t i = 0; i < inside.size(); ++i) slowest[i] = std::max(slowest[i], inside[i]);
  }
  return slowest;
}

void compare_ranks(const StepTimes& times, const StepWindow& window, StepStatistics& statistics) {
  if (times.by_rank_s.size() < 2) return;
  std::vector<double> medians;
  for (const auto& steps : times.by_rank_s) medians.push_back(median(steps_of(steps, window)));
  const auto [fastest, slowest] = std::minmax_element(medians.begin(), medians.end());
  statistics.rank_spread = *slowest / *fastest;

  const std::int64_t rank = slowest - medians.begin();
  const double theirs = *slowest;
  std::vector<double> others = medians;
  others.erase(others.begin() + rank);
  const double middle = median(others);
  if (theirs - middle <= std::max(median_absolute_deviation(others), kSlowRankShare * middle)) return;
  statistics.slow_rank = rank;
  statistics.warnings.push_back(
      fmt::format("rank {} is slow: its median step takes {:.4g} s, that of the other {} {:.4g} s", rank, theirs,
                  others.size(), middle));
}

void find_outliers(const StepWindow& window, StepStatistics& statistics) {
  const std::vector<double>& samples = statistics.samples_s;
  const double middle = median(samples), distance = outlier_distance(samples);
  for (std::size_t i = 0; i < samples.size(); ++i)
    if (std::abs(samples[i] - middle) > distance)
      statistics.outlier_steps.push_back(window.first + static_cast<std::int64_t>(i));
  if (statistics.outlier_steps.empty()) return;

  std::vector<std::string> named;
  const std::int64_t found = std::ssize(statistics.outlier_steps);
  for (const std::int64_t step : statistics.outlier_steps) {
    if (std::ssize(named) == kNamedSteps) break;
    named.push_back(fmt::format("step {} ({:.4g} s)", step, samples[static_cast<std::size_t>(step - window.first)]));
  }
  if (found > kNamedSteps) named.push_back(fmt::format("and {} more", found - kNamedSteps));
  statistics.warnings.push_back(fmt::format("{} of {} steps are outliers: {}; the median is {:.4g} s", found,
                                            samples.size(), join(named, ", "), middle));
}

// The first tenth of the window, at least one step, beside the rest.
void look_at_first_steps(StepStatistics& statistics) {
  const std::span<const double> samples = statistics.samples_s;
  if (samples.size() < 4) return;
  const std::size_t count = std::max<std::size_t>(1, samples.size() / 10);
  const auto rest = samples.subspan(count);
  const double first = median(samples.first(count)), later = median(rest);
  if (first - later <= outlier_distance(rest)) return;
  statistics.first_steps_slow = true;
  statistics.warnings.push_back(fmt::format(
      "the first steps are slow: {:.4g} s for the first {} of the window, {:.4g} s for the rest; the warm-up may "
      "be too short",
      first, count, later));
}

}  // namespace

double coefficient_of_variation(std::span<const double> values) {
  check(values.size() > 1, "coefficient_of_variation: fewer than two values");
  const double count = static_cast<double>(values.size());
  const double largest = *std::max_element(values.begin(), values.end());  // in its units no sum overflows
  double sum = 0.0, squares = 0.0;
  for (const double value : values) sum += value / largest;
  const double mean = sum / count;
  for (const double value : values) squares += (value / largest - mean) * (value / largest - mean);
  return std::sqrt(squares / (count - 1.0)) / mean;
}

StepStatistics step_statistics(const StepTimes& times, const StatisticsRules& rules) {
  check_rules(rules);
  StepStatistics statistics;
  const StepWindow window = window_of(times, rules.window, statistics);
  check_samples(times, statistics);
  if (statistics.refused()) return statistics;

  statistics.samples_s = slowest_by_step(times, window);
  statistics.median_s = median(statistics.samples_s);
  compare_ranks(times, window, statistics);
  if (statistics.samples_s.size() < 2) {
    statistics.warnings.emplace_back("one step was timed; how much it varies is not known");
    return statistics;
  }
  statistics.mad_s = median_absolute_deviation(statistics.samples_s);
  statistics.cv = coefficient_of_variation(statistics.samples_s);
  find_outliers(window, statistics);
  look_at_first_steps(statistics);
  if (*statistics.cv > rules.cv_limit)
    refuse(statistics, "cv",
           fmt::format("the step times vary too much: CV {:.2f} % over {}, the limit is {:.2f} %; median {:.4g} s, MAD "
                       "{:.2g} s",
                       100.0 * *statistics.cv, statistics.window, 100.0 * rules.cv_limit, *statistics.median_s,
                       *statistics.mad_s));
  return statistics;
}

void set_statistics(Row& row, const Job& job, const StepStatistics& statistics) {
  row.window = statistics.window;
  row.samples_s = statistics.samples_s;
  row.step_time_mad_s = statistics.mad_s;
  row.step_time_cv = statistics.cv;
  row.rank_spread = statistics.rank_spread;
  row.notes.insert(row.notes.end(), statistics.warnings.begin(), statistics.warnings.end());
  if (!statistics.refused()) {
    check(statistics.median_s.has_value(), "set_statistics: neither a median nor a refusal");
    set_step_time(row, job, *statistics.median_s);
    return;
  }
  set_failed(row, statistics.feature, statistics.reason);
}

}  // namespace perfbench
