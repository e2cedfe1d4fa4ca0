#include "harness/ratio_noise.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "harness/bootstrap.h"
#include "harness/student_t.h"

namespace perfbench {
namespace {

constexpr double kMedianOverMean = 1.2533;  // sqrt(pi / 2): the error of a normal sample's median over its mean's
constexpr std::uint64_t kBaselineStream = 1, kCurrentStream = 2;  // any two

bool has_times_only(const Row& row) { return all_positive(row.samples_s) && all_positive(row.repeats_s); }

// Sum of squares around the mean of the logarithms.
double square_sum(std::span<const double> values) {
  double mean = 0.0, sum = 0.0;
  for (const double value : values) mean += std::log(value) / static_cast<double>(values.size());
  for (const double value : values) sum += (std::log(value) - mean) * (std::log(value) - mean);
  return sum;
}

// A run that was not repeated is one repeat, whose own spread is not known.
std::size_t num_repeats(const Row& row) { return std::max<std::size_t>(1, row.repeats_s.size()); }

RatioNoise noise_of_repeats(const Row& baseline, const Row& current) {
  const std::size_t before = num_repeats(baseline), after = num_repeats(current);
  const double degrees = static_cast<double>(before + after - 2);
  const double variance = (square_sum(baseline.repeats_s) + square_sum(current.repeats_s)) / degrees;
  const double runs = 1.0 / static_cast<double>(before) + 1.0 / static_cast<double>(after);
  const double reach = student_t(degrees) * kMedianOverMean * std::sqrt(variance * runs);
  return {
      .factor = {.low = std::exp(-reach), .high = std::exp(reach)}, .of = "repeats", .count = std::max(before, after)};
}

RatioNoise noise_of_samples(const Row& baseline, const Row& current) {
  const std::vector<double> before = median_log_errors(baseline.samples_s, kBaselineStream);
  std::vector<double> errors = median_log_errors(current.samples_s, kCurrentStream);
  for (std::size_t i = 0; i < errors.size(); ++i) errors[i] -= before[i];
  std::sort(errors.begin(), errors.end());
  const std::size_t tail = errors.size() / 40;  // 2.5 % on each side
  return {.factor = {.low = std::min(1.0, std::exp(errors[tail])),
                     .high = std::max(1.0, std::exp(errors[errors.size() - 1 - tail]))},
          .of = "steps",
          .count = std::max(baseline.samples_s.size(), current.samples_s.size())};
}

}  // namespace

bool is_positive(double value) { return std::isfinite(value) && value > 0.0; }

bool all_positive(std::span<const double> values) { return std::all_of(values.begin(), values.end(), is_positive); }

std::optional<RatioNoise> ratio_noise(const Row& baseline, const Row& current) {
  if (!has_times_only(baseline) || !has_times_only(current)) return std::nullopt;
  const std::size_t fewest = std::min(baseline.samples_s.size(), current.samples_s.size());
  const bool repeated = num_repeats(baseline) + num_repeats(current) > 2;
  if (!repeated && fewest < kMinSamples) return std::nullopt;
  if (baseline.samples_s == current.samples_s && baseline.repeats_s == current.repeats_s)
    return RatioNoise{.factor = {}, .of = repeated ? "repeats" : "steps", .count = fewest};
  return repeated ? noise_of_repeats(baseline, current) : noise_of_samples(baseline, current);
}

}  // namespace perfbench
