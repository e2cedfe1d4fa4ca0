#include "harness/ratio_noise.h"

#include <gtest/gtest.h>

#include <limits>

#include "harness/bootstrap.h"
#include "harness/student_t.h"
#include "unit/harness/traces.h"

namespace perfbench {
namespace {

std::vector<double> steps_of(const Trace& trace, std::size_t steps, std::uint64_t stream) {
  Noise noise(stream);
  return trace.steps(noise, steps);
}

// Of the errors of medians: half the distance between their 2.5 % and 97.5 % quantiles.
double half_width(std::vector<double> errors) {
  std::sort(errors.begin(), errors.end());
  return (errors[errors.size() - 1 - errors.size() / 40] - errors[errors.size() / 40]) / 2.0;
}

TEST(StudentT, IsThatOfTheTables) {
  const std::pair<double, double> table[] = {{1, 12.706}, {1.5, 6.017}, {2, 4.303},  {3, 3.182},
                                             {5, 2.571},  {10, 2.228},  {30, 2.042}, {100, 1.984}};
  for (const auto& [degrees, value] : table) EXPECT_NEAR(student_t(degrees), value, 0.004 * value) << degrees;
}

TEST(Bootstrap, BlocksGrowWithTheCorrelationOfNeighbours) {
  double before = 0.0;
  for (const double r : {-0.5, 0.3, 0.6, 0.9}) {
    const double length = block_length(steps_of(normal_trace(0.05, r), 400, 1));
    EXPECT_GT(length, before) << r;
    before = length;
  }
  EXPECT_EQ(block_length(steps_of(normal_trace(0.05, -0.5), 400, 1)), 1.0);
  // Politis and White (2004): (2 * 0.6 / (1 - 0.36))^(2/3) 400^(1/3) = 11.2, if r is found exactly.
  EXPECT_NEAR(block_length(steps_of(normal_trace(0.05, 0.6), 400, 1)), 11.2, 3.0);
  EXPECT_EQ(block_length(steps_of(sloping_trace(0.0), 9, 1)) >= 1.0, true);
  const std::vector<double> rising{1, 2, 3, 4, 5, 6, 7, 8, 9};
  EXPECT_EQ(block_length(rising), 4.0);  // never over 4 / 9 of the steps
}

// The standard error of a normal sample's median is 1.2533 sigma / sqrt(n).
TEST(Bootstrap, OfIndependentStepsHasTheErrorOfAMedian) {
  double sum = 0.0;
  for (std::uint64_t stream = 0; stream < 20; ++stream)
    sum += half_width(median_log_errors(steps_of(normal_trace(0.02), 200, stream), stream));
  EXPECT_NEAR(sum / 20.0, 1.96 * 1.2533 * 0.02 / std::sqrt(200.0), 0.2 * 1.96 * 1.2533 * 0.02 / std::sqrt(200.0));
}

TEST(Bootstrap, IsWiderWhereTheStepsHangTogether) {
  const auto width = [](double r) { return half_width(median_log_errors(steps_of(normal_trace(0.02, r), 200, 3), 1)); };
  EXPECT_GT(width(0.9), 2.0 * width(0.0));
}

TEST(Bootstrap, TheSameSamplesGiveTheSameErrors) {
  const std::vector<double> steps = steps_of(normal_trace(0.1), 20, 1);
  EXPECT_EQ(median_log_errors(steps, 1), median_log_errors(steps, 1));
  EXPECT_NE(median_log_errors(steps, 1), median_log_errors(steps, 2));
  for (const double error : median_log_errors(std::vector<double>(9, 0.25), 1)) EXPECT_EQ(error, 0.0);
}

// Two rows of three repeats, the variance of their logarithms 0.01 (pooled over both, 4 degrees of freedom):
// t = 2.776, reach = 2.776 * 1.2533 * 0.1 * sqrt(2 / 3) = 0.284.
TEST(RatioNoise, OfRepeatsIsStudentsInterval) {
  Row before = measured_row(steps_of(normal_trace(0.01), 20, 1)),
      after = measured_row(steps_of(normal_trace(0.01), 20, 2));
  before.repeats_s = {std::exp(-0.1), 1.0, std::exp(0.1)};
  after.repeats_s = {2.0 * std::exp(0.1), 2.0 * std::exp(-0.1), 2.0};
  const RatioNoise noise = *ratio_noise(before, after);
  EXPECT_NEAR(std::log(noise.factor.high), 0.284, 0.002);
  EXPECT_NEAR(std::log(noise.factor.low), -0.284, 0.002);
  EXPECT_EQ(noise.of, "repeats");
  EXPECT_EQ(noise.count, 3U);
  // A side that ran once lends itself the spread of the other: sqrt(1 / 3 + 1), 2 degrees of freedom.
  after.repeats_s.clear();
  EXPECT_NEAR(std::log(ratio_noise(before, after)->factor.high), 4.303 * 1.2533 * 0.1 * std::sqrt(4.0 / 3.0), 0.003);
}

TEST(RatioNoise, OfSamplesCountsTheSideThatHasMore) {
  const RatioNoise noise = *ratio_noise(measured_row(steps_of(normal_trace(0.01), 20, 1)),
                                        measured_row(steps_of(normal_trace(0.01), 30, 2)));
  EXPECT_EQ(noise.of, "steps");
  EXPECT_EQ(noise.count, 30U);
  EXPECT_LT(noise.factor.low, 1.0);
  EXPECT_GT(noise.factor.high, 1.0);
}

TEST(RatioNoise, ARunBesideItselfHasNone) {
  Row row = measured_row(steps_of(normal_trace(0.25), 20, 1));
  EXPECT_EQ(ratio_noise(row, row)->factor.high, 1.0);
  row.repeats_s = {1.0, 2.0, 3.0};
  EXPECT_EQ(ratio_noise(row, row)->factor.low, 1.0);
}

TEST(RatioNoise, IsNotKnownWithoutEnoughTimes) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const Row good = measured_row(steps_of(normal_trace(0.01), 20, 1));
  EXPECT_FALSE(ratio_noise(good, measured_row(steps_of(normal_trace(0.01), 8, 2))));
  EXPECT_FALSE(ratio_noise(Row{}, Row{}));
  Row bad = good;
  bad.samples_s[3] = nan;
  EXPECT_FALSE(ratio_noise(good, bad));
  bad = good;
  bad.repeats_s = {1.0, -1.0};
  EXPECT_FALSE(ratio_noise(good, bad));
}

// Times at the ends of what a double holds.
TEST(RatioNoise, OfHugeAndTinyTimesIsANumber) {
  for (const double times : {1e300, 1e-300}) {
    const RatioNoise noise = *ratio_noise(measured_row(steps_of(normal_trace(0.01), 20, 1), times),
                                          measured_row(steps_of(normal_trace(0.01), 20, 2), times));
    EXPECT_GT(noise.factor.high, 1.0) << times;
    EXPECT_LT(noise.factor.high, 1.1) << times;
  }
}

}  // namespace
}  // namespace perfbench
