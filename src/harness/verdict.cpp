#include "harness/verdict.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "base/text.h"
#include "harness/statistics.h"

namespace perfbench {
namespace {

constexpr std::array kCompared{
    ComparedMetric{"step_time_s", false, true, &Row::step_time_s},
    ComparedMetric{"tokens_per_s_per_gpu", true, true, &Row::tokens_per_s_per_gpu},
    ComparedMetric{"model_tflops_per_gpu", true, true, &Row::model_tflops_per_gpu},
    ComparedMetric{"peak_memory_gib", false, false, &Row::peak_memory_gib},
};

constexpr double kNormalPerMad = 1.4826;  // standard deviation of a normal distribution over its MAD

bool is_positive(double value) { return std::isfinite(value) && value > 0.0; }

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
  const auto all_positive = [](const std::vector<double>& samples) {
    return std::all_of(samples.begin(), samples.end(), is_positive);
  };
  if (!all_positive(baseline.samples_s)) return "a sample of the baseline is no positive number";
  if (!all_positive(current.samples_s)) return "a sample of the new row is no positive number";
  return "";
}

// How many measured steps are too few to judge by; "" when there are enough, or none at all on both sides.
std::string too_few_samples(const Row& baseline, const Row& current) {
  const std::size_t before = baseline.samples_s.size(), after = current.samples_s.size();
  if ((before == 0 && after == 0) || std::min(before, after) >= kMinSamples) return "";
  return fmt::format("{} and {} samples, {} needed on both sides", before, after, kMinSamples);
}

// Of the median step time, as a share of it.
double relative_error(const std::vector<double>& samples_s) {
  const double spread = kNormalPerMad * median_absolute_deviation(samples_s);
  return spread / std::sqrt(static_cast<double>(samples_s.size())) / median(samples_s);
}

Verdict verdict_of(const MetricDiff& diff) {
  const double worse = diff.slowdown - 1.0;
  if (std::abs(worse) <= diff.threshold) return Verdict::same;
  if (std::abs(worse) - diff.error <= diff.threshold) return Verdict::ambiguous;
  return worse > 0.0 ? Verdict::slower : Verdict::faster;
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
                                const Thresholds& thresholds) {
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
  if (metric.timed) diff.reason = too_few_samples(baseline, current);
  if (!diff.reason.empty()) {
    diff.verdict = Verdict::ambiguous;
    return diff;
  }
  if (metric.timed && !baseline.samples_s.empty())
    diff.error = diff.slowdown * std::hypot(relative_error(baseline.samples_s), relative_error(current.samples_s));
  diff.verdict = verdict_of(diff);
  if (diff.verdict == Verdict::ambiguous)
    diff.reason = fmt::format("the change of {:.1f} % has an error of {:.1f} %", 100.0 * std::abs(diff.slowdown - 1.0),
                              100.0 * diff.error);
  return diff;
}

}  // namespace perfbench
