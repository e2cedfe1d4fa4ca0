#include "harness/bootstrap.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/error.h"
#include "base/median.h"
#include "base/random.h"
#include "harness/student_t.h"

namespace perfbench {
namespace {

// A run has at least so many blocks, however much its steps hang together. Politis and White stop at 3; then one A/A
// pair in eight of 20 steps that follow AR(1) with r = 0.9 is found to differ.
constexpr double kFewestBlocks = 2.25;
constexpr double kMostCorrelation = 0.99;

// Of neighbours.
double correlation(std::span<const double> samples) {
  const double largest = *std::max_element(samples.begin(), samples.end());  // in its units no sum overflows
  double mean = 0.0, square = 0.0, product = 0.0, before = 0.0;
  for (const double sample : samples) mean += sample / largest / static_cast<double>(samples.size());
  for (const double sample : samples) {
    const double deviation = sample / largest - mean;
    square += deviation * deviation;
    product += deviation * std::exchange(before, deviation);
  }
  return square > 0.0 ? product / square : 0.0;
}

// A short run shows less correlation than there is, by (1 + 3 r) / n (Kendall 1954, Biometrika 41), and not reliably:
// one standard error, sqrt((1 - r^2) / n) (Bartlett 1946), is added, since too short a block is the worse mistake.
double likely_correlation(std::span<const double> samples) {
  const double r = correlation(samples), count = static_cast<double>(samples.size());
  const double likely = r + (1.0 + 3.0 * r) / count + std::sqrt(std::max(0.0, 1.0 - r * r) / count);
  return std::clamp(likely, 0.0, kMostCorrelation);
}

// The expanded percentile interval (Hesterberg 2015, The American Statistician 69): an interval of k independent
// numbers is that of Student's t, and a resample of them varies by sqrt((k - 1) / k) too little. Here k are blocks.
double stretch(double blocks) { return student_t(blocks - 1.0) / kNormalQuantile * std::sqrt(blocks / (blocks - 1.0)); }

}  // namespace

double block_length(std::span<const double> samples) {
  const double r = likely_correlation(samples), count = static_cast<double>(samples.size());
  const double length = std::cbrt(std::pow(2.0 * r / (1.0 - r * r), 2.0) * count);
  return std::clamp(length, 1.0, count / kFewestBlocks);
}

std::vector<double> median_log_errors(std::span<const double> samples, std::uint64_t stream) {
  check(samples.size() >= kMinSamples, "median_log_errors: too few samples");
  const std::uint64_t of_breaks = random_at(stream, 0), of_places = random_at(stream, 1);
  const double count = static_cast<double>(samples.size()), length = block_length(samples);
  const double scale = stretch(count / length), middle = median(samples);
  std::vector<double> errors(kResamples), resample(samples.size());
  std::uint64_t draw = 0;
  std::size_t place = 0;
  for (double& error : errors) {
    for (double& sample : resample) {
      const bool new_block = &sample == resample.data() || random_share_at(of_breaks, draw) * length < 1.0;
      // The samples as a ring: a block that runs over their end goes on at their start.
      place =
          new_block ? static_cast<std::size_t>(random_share_at(of_places, draw) * count) : (place + 1) % samples.size();
      sample = samples[place];
      ++draw;
    }
    error = scale * std::log(median_in_place(resample) / middle);
  }
  return errors;
}

}  // namespace perfbench
