#include "harness/verdict.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

namespace perfbench {
namespace {

using ::testing::HasSubstr;

const ComparedMetric& metric(std::string_view name) {
  for (const ComparedMetric& compared : compared_metrics())
    if (compared.name == name) return compared;
  throw std::logic_error("no such metric");
}

Row row_of_seconds(double step_time_s, Method method = Method::simulated) {
  Row row;
  row.method = method;
  row.step_time_s = step_time_s;
  return row;
}

Verdict judged(const Row& baseline, const Row& current, const Thresholds& thresholds = {}) {
  return judge(metric("step_time_s"), baseline, current, thresholds)->verdict;
}

// `count` steps of `seconds` with normal noise of the share `noise`.
Row sampled(double seconds, double noise, std::size_t count, unsigned seed) {
  std::mt19937 random(seed);
  Row row;
  row.method = Method::measured;
  for (std::size_t i = 0; i < count; ++i) {
    // A sum of twelve uniform numbers less 6 has variance 1, on every platform the same.
    double normal = -6.0;
    for (int k = 0; k < 12; ++k) normal += static_cast<double>(random()) / 4294967296.0;
    row.samples_s.push_back(seconds * (1.0 + noise * normal));
  }
  std::vector<double> sorted = row.samples_s;
  std::sort(sorted.begin(), sorted.end());
  row.step_time_s = sorted[sorted.size() / 2];
  return row;
}

template <typename Action>
std::string fault(Action action) {
  try {
    action();
  } catch (const InputError& error) {
    return error.what();
  }
  return "";
}

TEST(Verdict, SimulatedRowsMayChangeByTwoPercentAndMeasuredOnesByFive) {
  EXPECT_EQ(judged(row_of_seconds(10.0), row_of_seconds(10.19)), Verdict::same);
  EXPECT_EQ(judged(row_of_seconds(10.0), row_of_seconds(10.21)), Verdict::slower);
  EXPECT_EQ(judged(row_of_seconds(10.0), row_of_seconds(9.79)), Verdict::faster);
  EXPECT_EQ(judged(row_of_seconds(10.0, Method::measured), row_of_seconds(10.49, Method::measured)), Verdict::same);
  EXPECT_EQ(judged(row_of_seconds(10.0, Method::measured), row_of_seconds(10.51, Method::measured)), Verdict::slower);
}

TEST(Verdict, MoreTokensAreFasterAndMoreMemoryIsSlower) {
  Row before, after;
  before.tokens_per_s_per_gpu = 1000.0;
  after.tokens_per_s_per_gpu = 1100.0;
  before.peak_memory_gib = 60.0;
  after.peak_memory_gib = 66.0;
  EXPECT_EQ(judge(metric("tokens_per_s_per_gpu"), before, after, {})->verdict, Verdict::faster);
  EXPECT_EQ(judge(metric("peak_memory_gib"), before, after, {})->verdict, Verdict::slower);
}

TEST(Verdict, AThresholdOfItsOwnReplacesTheDefault) {
  const Thresholds thresholds = parse_thresholds("step_time_s=11, peak_memory_gib = 2.5%", "--threshold");
  EXPECT_EQ(thresholds, (Thresholds{{"step_time_s", 0.11}, {"peak_memory_gib", 0.025}}));
  EXPECT_EQ(judged(row_of_seconds(10.0), row_of_seconds(11.0), thresholds), Verdict::same);
  EXPECT_EQ(judged(row_of_seconds(10.0), row_of_seconds(11.2), thresholds), Verdict::slower);
}

TEST(Verdict, RefusesThresholdsThatAreNoneAllAtOnce) {
  const std::string text =
      fault([] { parse_thresholds("step_time=5,step_time_s=x,step_time_s=-1,peak_memory_gib=100,5", "--threshold"); });
  EXPECT_THAT(text, HasSubstr("\"step_time\" is not compared\n  hint: did you mean step_time_s?"));
  for (const char* value : {"\"x\"", "\"-1\"", "\"100\""})
    EXPECT_THAT(text, HasSubstr(std::string(value) + " is no percentage"));
  EXPECT_THAT(text, HasSubstr("\"5\" is no METRIC=PERCENT"));
}

TEST(Verdict, ValuesThatAreNoNumbersAreInvalid) {
  const double nan = std::numeric_limits<double>::quiet_NaN(), inf = std::numeric_limits<double>::infinity();
  for (const double bad : {nan, inf, 0.0, -1.0}) {
    EXPECT_EQ(judged(row_of_seconds(10.0), row_of_seconds(bad)), Verdict::invalid) << bad;
    EXPECT_EQ(judged(row_of_seconds(bad), row_of_seconds(10.0)), Verdict::invalid) << bad;
  }
  Row without;
  EXPECT_EQ(judged(row_of_seconds(10.0), without), Verdict::invalid);
  EXPECT_FALSE(judge(metric("step_time_s"), without, row_of_seconds(10.0), {}));  // nothing to compare with
  Row sick = sampled(10.0, 0.01, 20, 1);
  sick.samples_s[3] = nan;
  EXPECT_EQ(judged(sampled(10.0, 0.01, 20, 2), sick), Verdict::invalid);
}

TEST(Verdict, NoiseAloneIsSame) {
  for (unsigned seed = 1; seed <= 200; ++seed)
    EXPECT_EQ(judged(sampled(10.0, 0.01, 20, seed), sampled(10.0, 0.01, 20, 1000 + seed)), Verdict::same) << seed;
}

TEST(Verdict, ARegressionIsSeenThroughNoise) {
  for (unsigned seed = 1; seed <= 200; ++seed)
    EXPECT_EQ(judged(sampled(10.0, 0.01, 20, seed), sampled(11.0, 0.01, 20, 1000 + seed)), Verdict::slower) << seed;
}

// 15 % slower with noise of 45 %: the change is within its error.
TEST(Verdict, AChangeWithinItsErrorIsAmbiguous) {
  Row before, after;
  before.method = after.method = Method::measured;
  before.samples_s = {5, 6, 7, 8, 10, 12, 13, 14, 15};  // median 10, MAD 3: error 1.4826 * 3 / 3 / 10 = 14.8 %
  before.step_time_s = 10.0;
  after.samples_s = {6.5, 7.5, 8.5, 9.5, 11.5, 13.5, 14.5, 15.5, 16.5};  // median 11.5, MAD 3: 12.9 %
  after.step_time_s = 11.5;
  const MetricDiff diff = *judge(metric("step_time_s"), before, after, {});
  EXPECT_EQ(diff.verdict, Verdict::ambiguous);
  EXPECT_NEAR(diff.error, 1.15 * std::hypot(0.14826, 0.12892), 1e-4);
  EXPECT_THAT(diff.reason, HasSubstr("15.0 % has an error of 22.6 %"));
}

TEST(Verdict, TooFewSamplesAreAmbiguousWhateverTheySay) {
  const Row many = sampled(10.0, 0.01, 9, 1), few = sampled(20.0, 0.01, 8, 2);
  const MetricDiff diff = *judge(metric("step_time_s"), many, few, {});
  EXPECT_EQ(diff.verdict, Verdict::ambiguous);
  EXPECT_EQ(diff.reason, "9 and 8 samples, 9 needed on both sides");
  EXPECT_EQ(judged(many, row_of_seconds(20.0, Method::measured)), Verdict::ambiguous);
  EXPECT_EQ(judged(many, sampled(20.0, 0.01, 9, 2)), Verdict::slower);
}

}  // namespace
}  // namespace perfbench
