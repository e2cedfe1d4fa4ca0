#include "harness/verdict.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
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

std::optional<MetricDiff> judge_by(std::string_view name, const Row& baseline, const Row& current,
                                   const Thresholds& thresholds = {}) {
  return judge(metric(name), baseline, current, ratio_noise(baseline, current), thresholds);
}

Verdict judged(const Row& baseline, const Row& current, const Thresholds& thresholds = {}) {
  return judge_by("step_time_s", baseline, current, thresholds)->verdict;
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
  EXPECT_EQ(judged(row_of_seconds(10.0, Method::slice), row_of_seconds(10.51, Method::slice)), Verdict::slower);
}

// A mean of a log, say: nobody knows how far it is off.
TEST(Verdict, AMeasuredTimeWithoutSamplesMayChangeButNotByHowMuch) {
  const MetricDiff diff =
      *judge_by("step_time_s", row_of_seconds(10.0, Method::measured), row_of_seconds(10.51, Method::measured));
  EXPECT_EQ(diff.verdict, Verdict::ambiguous);
  EXPECT_EQ(diff.reason, "0 and 0 samples, 9 needed on both sides");
}

TEST(Verdict, MoreTokensAreFasterAndMoreMemoryIsSlower) {
  Row before, after;
  before.tokens_per_s_per_gpu = 1000.0;
  after.tokens_per_s_per_gpu = 1100.0;
  before.peak_memory_gib = 60.0;
  after.peak_memory_gib = 66.0;
  EXPECT_EQ(judge_by("tokens_per_s_per_gpu", before, after)->verdict, Verdict::faster);
  EXPECT_EQ(judge_by("peak_memory_gib", before, after)->verdict, Verdict::slower);
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
  EXPECT_FALSE(judge_by("step_time_s", without, row_of_seconds(10.0)));  // nothing to compare with
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

// 15 % slower with noise of 45 %: the change is within it.
TEST(Verdict, AChangeWithinItsNoiseIsAmbiguousAndSaysWhatWouldSettleIt) {
  Row before, after;
  before.method = after.method = Method::measured;
  before.samples_s = {13, 6, 15, 10, 5, 14, 8, 12, 7};
  before.step_time_s = 10.0;
  after.samples_s = {8.5, 15.5, 6.5, 13.5, 16.5, 7.5, 14.5, 9.5, 11.5};
  after.step_time_s = 11.5;
  const MetricDiff diff = *judge_by("step_time_s", before, after);
  EXPECT_EQ(diff.verdict, Verdict::ambiguous);
  EXPECT_LT(diff.interval->low, 0.0);
  EXPECT_GT(diff.interval->high, 0.15);
  // The lower end must come up to 5 % from where it is: 9 * ((0.15 - low) / 0.10)^2 steps.
  const double needed = std::ceil(9.0 * std::pow((0.15 - diff.interval->low) / 0.10, 2.0));
  EXPECT_EQ(diff.reason, fmt::format("the interval reaches across the threshold; about {:.0f} steps on both sides "
                                     "would settle it",
                                     needed));
}

TEST(Verdict, ARateHasTheIntervalOfItsTime) {
  Row before = sampled(10.0, 0.02, 20, 1), after = sampled(12.0, 0.02, 20, 2);
  before.tokens_per_s_per_gpu = 1e4 / *before.step_time_s;
  after.tokens_per_s_per_gpu = 1e4 / *after.step_time_s;
  const MetricDiff time = *judge_by("step_time_s", before, after);
  const MetricDiff rate = *judge_by("tokens_per_s_per_gpu", before, after);
  EXPECT_EQ(rate.verdict, Verdict::slower);
  EXPECT_NEAR((1.0 + time.interval->low) * (1.0 + rate.interval->high), 1.0, 1e-12);
  EXPECT_NEAR((1.0 + time.interval->high) * (1.0 + rate.interval->low), 1.0, 1e-12);
}

// +4 % is within the threshold, but with noise of 5 % in 20 steps it may be +7 % as well.
TEST(Verdict, SameIsSureToo) {
  const auto verdict = [](double noise) { return judged(sampled(10.0, noise, 20, 1), sampled(10.4, noise, 20, 2)); };
  EXPECT_EQ(verdict(0.001), Verdict::same);
  EXPECT_EQ(verdict(0.05), Verdict::ambiguous);
}

TEST(Verdict, RepeatsThatDifferMoreThanTheirStepsDecide) {
  Row before = sampled(10.0, 0.001, 20, 1), after = sampled(11.5, 0.001, 20, 2);
  EXPECT_EQ(judged(before, after), Verdict::slower);
  before.repeats_s = {9.0, *before.step_time_s, 11.0};
  after.repeats_s = {10.5, *after.step_time_s, 12.5};
  const MetricDiff diff = *judge_by("step_time_s", before, after);
  EXPECT_EQ(diff.verdict, Verdict::ambiguous);
  EXPECT_THAT(diff.reason, testing::ContainsRegex("about [0-9]+ repeats on both sides would settle it"));
  before.repeats_s = {9.99, *before.step_time_s, 10.01};
  after.repeats_s = {11.49, *after.step_time_s, 11.51};
  EXPECT_EQ(judged(before, after), Verdict::slower);
  after.repeats_s[0] = 0.0;
  EXPECT_EQ(judge_by("step_time_s", before, after)->reason, "a repeat of the new row is no positive number");
}

TEST(Verdict, AChangeThatIsTheThresholdIsNeverSettled) {
  Row before = sampled(10.0, 0.02, 20, 1), after = before;
  for (double& seconds : after.samples_s) seconds *= 1.05;
  std::reverse(after.samples_s.begin(), after.samples_s.end());
  after.step_time_s = *before.step_time_s * 1.05;
  EXPECT_THAT(judge_by("step_time_s", before, after)->reason, HasSubstr("even 10000 steps on both sides would not"));
}

TEST(Verdict, TooFewSamplesAreAmbiguousWhateverTheySay) {
  const Row many = sampled(10.0, 0.01, 9, 1), few = sampled(20.0, 0.01, 8, 2);
  const MetricDiff diff = *judge_by("step_time_s", many, few);
  EXPECT_EQ(diff.verdict, Verdict::ambiguous);
  EXPECT_EQ(diff.reason, "9 and 8 samples, 9 needed on both sides");
  EXPECT_EQ(judged(many, row_of_seconds(20.0, Method::measured)), Verdict::ambiguous);
  EXPECT_EQ(judged(many, sampled(20.0, 0.01, 9, 2)), Verdict::slower);
}

}  // namespace
}  // namespace perfbench
