#include "harness/verdict.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "base/text.h"
#include "harness/bootstrap.h"

namespace perfbench {
namespace {

constexpr std::array kCompared{
    ComparedMetric{"step_time_s", false, true, &Row::step_time_s},
    ComparedMetric{"tokens_per_s_per_gpu", true, true, &Row::tokens_per_s_per_gpu},
    ComparedMetric{"model_tflops_per_gpu", true, true, &Row::model_tflops_per_gpu},
    ComparedMetric{"peak_memory_gib", false, false, &Row::peak_memory_gib},
};

constexpr double kMostNeeded = 10000.0;  // steps or repeats; nobody runs more

std::string invalid_value(std::string_view whose, double value) {
  return fmt::format("the {} value is {}, no positive number", whose, format_double(value));
}

// Why the two values can't be compared; "" when they can.
std::string invalid_reason(const ComparedMetric& metric, const Row& baseline, const Row& current) {
  const double before = *(baseline.*metric.value);
  const std::optional<double> after = current.*metric.value;
  if (!is_positive(before)) return invalid_value("baseline", before);
  if (!after) return "the new row has no value";
  if (!is_positive(*after)) return invalid_value("new", *after);
  if (!metric.timed) return "";
  if (!all_positive(baseline.samples_s)) return "a sample of the baseline is no positive number";
  if (!all_positive(current.samples_s)) return "a sample of the new row is no positive number";
  if (!all_positive(baseline.repeats_s)) return "a repeat of the baseline is no positive number";
  if (!all_positive(current.repeats_s)) return "a repeat of the new row is no positive number";
  return "";
}

Verdict verdict_of(const Interval& slowdown, double threshold) {
  if (slowdown.low - 1.0 > threshold) return Verdict::slower;
  if (1.0 - slowdown.high > threshold) return Verdict::faster;
  const bool within = 1.0 - slowdown.low <= threshold && slowdown.high - 1.0 <= threshold;
  return within ? Verdict::same : Verdict::ambiguous;
}

// How much narrower the interval must get for another verdict than AMBIGUOUS, if the slowdown stays as it is.
double times_too_wide(double slowdown, const Interval& interval, double threshold) {
  const double change = slowdown - 1.0;
  const double below = slowdown - interval.low, above = interval.high - slowdown;
  if (change > threshold) return below / (change - threshold);
  if (-change > threshold) return above / (-change - threshold);
  return std::max(below / (threshold + change), above / (threshold - change));
}

std::string what_would_settle(double times_too_wide, const RatioNoise& noise) {
  const double needed = std::ceil(static_cast<double>(noise.count) * times_too_wide * times_too_wide);
  constexpr std::string_view kStart = "the interval reaches across the threshold";
  if (!(needed <= kMostNeeded))
    return fmt::format("{}; even {:.0f} {} on both sides would not settle it", kStart, kMostNeeded, noise.of);
  return fmt::format("{}; about {:.0f} {} on both sides would settle it", kStart, needed, noise.of);
}

// Sets the interval and the verdict that it gives.
void weigh(MetricDiff& diff, bool more_is_better, const RatioNoise& noise) {
  const auto [low, high] = Interval{.low = diff.slowdown * noise.factor.low, .high = diff.slowdown * noise.factor.high};
  diff.interval = more_is_better ? Interval{.low = 1.0 / high - 1.0, .high = 1.0 / low - 1.0}
                                 : Interval{.low = low - 1.0, .high = high - 1.0};
  diff.verdict = verdict_of({.low = low, .high = high}, diff.threshold);
  if (diff.verdict == Verdict::ambiguous)
    diff.reason = what_would_settle(times_too_wide(diff.slowdown, {.low = low, .high = high}, diff.threshold), noise);
}

// Why samples that are missing forbid a verdict; "" when they don't. Simulated, slice and published rows have none.
std::string missing_samples(const Row& baseline, const Row& current, Verdict without_them) {
  const std::size_t before = baseline.samples_s.size(), after = current.samples_s.size();
  const bool none = before == 0 && after == 0;
  if (none && (current.method != Method::measured || without_them == Verdict::same)) return "";
  return fmt::format("{} and {} samples, {} needed on both sides", before, after, kMinSamples);
}

std::optional<double> parse_percent(std::string_view text) {
  text = trim(text);
  if (text.ends_with('%')) text.remove_suffix(1);
  const std::optional<double> percent = parse_double(trim(text));
  return percent && *percent >= 0.0 && *percent < 100.0 ? percent : std::nullopt;
}

}  // namespace

std::span<const ComparedMetric> compared_metrics() { return kCompared; }

Thresholds parse_thresholds(std::string_view text, const std::string& where) {
  std::vector<std::string> names;
  names.reserve(kCompared.size());
  for (const ComparedMetric& metric : kCompared) names.emplace_back(metric.name);
  Thresholds thresholds;
  std::vector<Problem> problems;
  for (const std::string& part : split(text, ',')) {
    const std::size_t equals = part.find('=');
    if (equals == std::string::npos) {
      problems.push_back({where, fmt::format("\"{}\" is no METRIC=PERCENT", part), "step_time_s=5"});
      continue;
    }
    const std::string metric(trim(part.substr(0, equals)));
    const std::string value = part.substr(equals + 1);
    const std::optional<double> percent = parse_percent(value);
    if (std::find(names.begin(), names.end(), metric) == names.end())
      problems.push_back({where, fmt::format("\"{}\" is not compared", metric), nearest_hint(metric, names)});
    if (!percent)
      problems.push_back({where, fmt::format("\"{}\" is no percentage from 0 to below 100", value),
                          "step_time_s=5 or step_time_s=5%"});
    if (percent) thresholds[metric] = *percent / 100.0;
  }
  if (!problems.empty()) throw InputError(std::move(problems));
  return thresholds;
}

double threshold_of(const ComparedMetric& metric, Method method, const Thresholds& thresholds) {
  const auto found = thresholds.find(metric.name);
  if (found != thresholds.end()) return found->second;
  return method == Method::simulated ? kSimulatedThreshold : kMeasuredThreshold;
}

std::optional<MetricDiff> judge(const ComparedMetric& metric, const Row& baseline, const Row& current,
                                const std::optional<RatioNoise>& noise, const Thresholds& thresholds) {
  const std::optional<double> before = baseline.*metric.value, after = current.*metric.value;
  if (!before) return std::nullopt;
  MetricDiff diff{.metric = metric.name,
                  .baseline = before,
                  .current = after,
                  .threshold = threshold_of(metric, baseline.method, thresholds)};
  diff.reason = invalid_reason(metric, baseline, current);
  if (!diff.reason.empty()) {
    diff.verdict = Verdict::invalid;
    return diff;
  }
  diff.slowdown = metric.more_is_better ? *before / *after : *after / *before;
  diff.verdict = verdict_of({.low = diff.slowdown, .high = diff.slowdown}, diff.threshold);
  if (!metric.timed) return diff;
  if (noise) {
    weigh(diff, metric.more_is_better, *noise);
  } else {
    diff.reason = missing_samples(baseline, current, diff.verdict);
    if (!diff.reason.empty()) diff.verdict = Verdict::ambiguous;
  }
  return diff;
}

}  // namespace perfbench
