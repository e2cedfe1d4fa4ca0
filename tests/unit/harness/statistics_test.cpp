#include "harness/statistics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "rows/writers.h"
#include "unit/harness/mock_runner.h"
#include "unit/rows/sample.h"

namespace perfbench {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
const StatisticsRules kAllSteps{.window = {.first = 1}};
const StatisticsRules kAnyCv{.window = {.first = 1}, .cv_limit = 1e9};

StepStatistics of_one_rank(const std::vector<double>& steps_s, const StatisticsRules& rules = kAllSteps) {
  return step_statistics({.by_rank_s = {steps_s}}, rules);
}

// 20 steps around 1 s: 0.99, 1.00, 1.01, 1.00, ...
std::vector<double> steady() {
  std::vector<double> steps;
  for (int i = 0; i < 20; ++i) steps.push_back(i % 4 == 0 ? 0.99 : i % 4 == 2 ? 1.01 : 1.0);
  return steps;
}

TEST(Median, IsTheMiddleOrTheMiddleOfThePair) {
  EXPECT_EQ(median(std::vector{3.0, 1.0, 2.0}), 2.0);
  EXPECT_EQ(median(std::vector{4.0, 1.0, 3.0, 2.0}), 2.5);
  EXPECT_EQ(median(std::vector{7.0}), 7.0);
}

TEST(MedianAbsoluteDeviation, IsThatOfTheDistances) {
  // Median 3; distances 2, 1, 0, 1, 97.
  EXPECT_EQ(median_absolute_deviation(std::vector{1.0, 2.0, 3.0, 4.0, 100.0}), 1.0);
}

TEST(CoefficientOfVariation, DividesByOneLessThanTheCount) {
  // Mean 2, squares 1 + 0 + 1, variance 2 / 2 = 1.
  EXPECT_DOUBLE_EQ(coefficient_of_variation(std::vector{1.0, 2.0, 3.0}), 0.5);
  EXPECT_DOUBLE_EQ(coefficient_of_variation(std::vector{0.5e308, 1e308, 1.5e308}), 0.5);
}

TEST(StepStatistics, LeavesOutTheWarmUpAndSaysSo) {
  const StepStatistics got = step_statistics(one_rank(std::vector(10, 5.0), {1.0, 1.0, 1.02, 1.0}));
  EXPECT_EQ(got.window, "steps 11-14 of 14");
  EXPECT_THAT(got.samples_s, ElementsAre(1.0, 1.0, 1.02, 1.0));
  EXPECT_EQ(got.median_s, 1.0);
  EXPECT_FALSE(got.refused()) << got.reason;
}

TEST(StepStatistics, EndsWithTheLastStepOfTheWindow) {
  const StepStatistics got = of_one_rank({9.0, 1.0, 1.0, 9.0}, {.window = {.first = 2, .last = 3}});
  EXPECT_EQ(got.window, "steps 2-3 of 4");
  EXPECT_THAT(got.samples_s, ElementsAre(1.0, 1.0));
}

TEST(StepStatistics, TakesTheSlowestRankOfEachStep) {
  const StepStatistics got = step_statistics({.by_rank_s = {{1.0, 1.2, 1.0}, {1.1, 1.0, 1.0}}}, kAnyCv);
  EXPECT_THAT(got.samples_s, ElementsAre(1.1, 1.2, 1.0));
  EXPECT_EQ(got.median_s, 1.1);
}

TEST(StepStatistics, OfOneSampleKnowsNoSpread) {
  const StepStatistics got = of_one_rank({2.0});
  EXPECT_FALSE(got.refused());
  EXPECT_EQ(got.median_s, 2.0);
  EXPECT_EQ(got.mad_s, std::nullopt);
  EXPECT_EQ(got.cv, std::nullopt);
  EXPECT_THAT(got.warnings, ElementsAre(HasSubstr("one step was timed")));
}

TEST(StepStatistics, OfEqualStepsVaryByNothing) {
  const StepStatistics got = of_one_rank(std::vector(20, 0.1), {.window = {.first = 1}, .cv_limit = 0.0});
  EXPECT_EQ(got.median_s, 0.1);
  EXPECT_EQ(got.mad_s, 0.0);
  EXPECT_NEAR(*got.cv, 0.0, 1e-15);
  EXPECT_THAT(got.outlier_steps, IsEmpty());
  EXPECT_FALSE(got.first_steps_slow);
}

TEST(StepStatistics, NameTheOutlierByItsStepOfTheRun) {
  std::vector<double> steps = steady();
  steps[7] = 1.1;  // MAD 0.005 or 0.01: scores of at least 0.6745 * 0.1 / 0.01 = 6.7
  const StepStatistics got = step_statistics(one_rank(std::vector(10, 5.0), steps));
  EXPECT_FALSE(got.refused()) << got.reason;
  EXPECT_THAT(got.outlier_steps, ElementsAre(18));
  EXPECT_THAT(got.warnings, ElementsAre(HasSubstr("1 of 20 steps are outliers: step 18 (1.1 s)")));
}

TEST(StepStatistics, ScoreByTheMeanDeviationWhereTheMadIsZero) {
  // Mean absolute deviation 0.5 / 20 = 0.025; the score is 0.5 / (1.2533 * 0.025) = 16.
  std::vector<double> steps(20, 1.0);
  steps[4] = 1.5;
  EXPECT_THAT(of_one_rank(steps, kAnyCv).outlier_steps, ElementsAre(5));
  // The same picture at 0.5 % of a step is no matter.
  steps[4] = 1.005;
  EXPECT_THAT(of_one_rank(steps).outlier_steps, IsEmpty());
}

TEST(StepStatistics, NameTenOutliersAtMost) {
  std::vector<double> steps;
  for (int i = 0; i < 200; ++i) steps.push_back(1.0 + 0.001 * (i % 3));
  for (std::size_t i = 100; i < 112; ++i) steps[i] = 2.0;
  const StepStatistics got = of_one_rank(steps, kAnyCv);
  EXPECT_EQ(std::ssize(got.outlier_steps), 12);
  EXPECT_THAT(got.warnings.front(), HasSubstr("and 2 more"));
}

TEST(StepStatistics, SayThatTheFirstStepsAreSlow) {
  std::vector<double> steps = steady();
  steps[0] = steps[1] = 1.08;
  const StepStatistics got = of_one_rank(steps);
  EXPECT_TRUE(got.first_steps_slow);
  EXPECT_THAT(got.warnings, testing::Contains(HasSubstr("1.08 s for the first 2 of the window")));

  std::vector<double> fast_start = steady();
  fast_start[0] = fast_start[1] = 0.92;
  EXPECT_FALSE(of_one_rank(fast_start).first_steps_slow);
  EXPECT_FALSE(of_one_rank(steady()).first_steps_slow);
}

TEST(StepStatistics, RefuseACvAboveTheLimit) {
  // Mean 1, n = 4: variance 4 * 0.01 / 3, CV 11.5 %.
  const std::vector<double> steps{0.9, 1.1, 0.9, 1.1};
  const StepStatistics got = of_one_rank(steps);
  EXPECT_EQ(got.feature, "cv");
  EXPECT_THAT(got.reason, HasSubstr("CV 11.55 % over steps 1-4 of 4, the limit is 5.00 %"));
  EXPECT_THAT(got.reason, HasSubstr("median 1 s, MAD 0.1 s"));
  EXPECT_FALSE(of_one_rank(steps, {.window = {.first = 1}, .cv_limit = 0.12}).refused());
}

TEST(StepStatistics, AllowFivePercentUnlessToldOtherwise) {
  // Deviation d from 1 in each of 4 steps: CV d * sqrt(4 / 3), 4.97 % and 5.08 %.
  EXPECT_FALSE(of_one_rank({0.957, 1.043, 0.957, 1.043}).refused());
  EXPECT_EQ(of_one_rank({0.956, 1.044, 0.956, 1.044}).feature, "cv");
}

TEST(StepStatistics, NameTheSlowRank) {
  const StepTimes times{.by_rank_s = {{1.0, 1.0, 1.0}, {1.01, 1.0, 1.01}, {1.25, 1.25, 1.25}, {1.0, 0.99, 1.0}}};
  const StepStatistics got = step_statistics(times, kAllSteps);
  EXPECT_EQ(got.slow_rank, 2);
  EXPECT_DOUBLE_EQ(*got.rank_spread, 1.25);
  EXPECT_THAT(got.warnings,
              ElementsAre(HasSubstr("rank 2 is slow: its median step takes 1.25 s, that of the other 3 1 s")));
}

TEST(StepStatistics, NameNoRankWithinTenPercentOrTheUsualSpread) {
  EXPECT_EQ(step_statistics({.by_rank_s = {{1.0}, {1.0}, {1.09}}}, kAllSteps).slow_rank, std::nullopt);
  // The others: median 1.2, distances 0.2, 0, 0.2, MAD 0.2; 1.4 is not further off than that.
  EXPECT_EQ(step_statistics({.by_rank_s = {{1.0}, {1.2}, {1.4}, {1.4}}}, kAllSteps).slow_rank, std::nullopt);
  EXPECT_EQ(of_one_rank({1.0, 1.0}).rank_spread, std::nullopt);
}

TEST(StepStatistics, TellTheSlowerOfTwoRanks) {
  const StepStatistics got = step_statistics({.by_rank_s = {{1.3, 1.3}, {1.0, 1.0}}}, kAllSteps);
  EXPECT_EQ(got.slow_rank, 0);
  EXPECT_DOUBLE_EQ(*got.rank_spread, 1.3);
}

TEST(StepStatistics, RefuseTimesThatAreNone) {
  const double infinity = std::numeric_limits<double>::infinity();
  for (const double bad : {kNan, -1.0, 0.0, infinity, -infinity}) {
    const StepStatistics got = step_statistics({.by_rank_s = {{1.0, 1.0}, {1.0, bad}}}, kAllSteps);
    EXPECT_EQ(got.feature, "samples") << bad;
    EXPECT_THAT(got.reason, HasSubstr("step 2 of rank 1 took ")) << bad;
    EXPECT_EQ(got.median_s, std::nullopt) << bad;
    EXPECT_THAT(got.samples_s, IsEmpty()) << bad;
  }
  std::vector<double> warmup(10, 1.0);
  warmup[3] = kNan;
  EXPECT_THAT(step_statistics(one_rank(warmup, {1.0, 1.0})).reason, HasSubstr("step 4 of rank 0 took nan s"));
}

TEST(StepStatistics, RefuseRunsThatEndedEarly) {
  const StepStatistics warmup_only = of_one_rank({1.0, 1.0}, {});
  EXPECT_EQ(warmup_only.feature, "steps");
  EXPECT_EQ(warmup_only.reason, "the run has 2 steps, the window starts at step 11");
  EXPECT_EQ(warmup_only.window, "");

  const StepStatistics lost = step_statistics({.by_rank_s = {{1.0, 1.0, 1.0}, {1.0}}}, kAllSteps);
  EXPECT_EQ(lost.reason, "rank 1 has 1 steps, the window is steps 1-3");
  const StatisticsRules four{.window = {.first = 2, .last = 4}};
  EXPECT_EQ(of_one_rank({1.0, 1.0, 1.0}, four).reason, "rank 0 has 3 steps, the window is steps 2-4");
  for (const StepTimes& none : {StepTimes{}, StepTimes{.by_rank_s = {{}}}}) {
    EXPECT_EQ(step_statistics(none, kAllSteps).feature, "steps");
    EXPECT_EQ(step_statistics(none, kAllSteps).reason, "no rank has told any step time");
  }
}

TEST(StepStatistics, RefuseRulesThatAreNone) {
  const auto refuses = [](const StatisticsRules& rules) {
    EXPECT_THROW(of_one_rank({1.0, 1.0, 1.0, 1.0}, rules), InputError);
  };
  refuses({.window = {.first = 0}});
  refuses({.window = {.first = 3, .last = 2}});
  refuses({.cv_limit = -0.01});
  refuses({.cv_limit = kNan});
}

TEST(SetStatistics, MakesTheMedianTheStepTime) {
  // 2.5 s a step of 16 * 1000 tokens on 8 GPUs: 800 tokens per second and GPU.
  const Job job = sample_job();
  const Row row = mock_runner(one_rank(std::vector(10, 9.0), {2.5, 2.55, 2.45}))(job);
  EXPECT_EQ(row.status, Status::ok);
  EXPECT_EQ(row.step_time_s, 2.5);
  EXPECT_EQ(row.tokens_per_s_per_gpu, 800.0);
  EXPECT_NEAR(*row.step_time_mad_s, 0.05, 1e-12);
  EXPECT_NEAR(*row.step_time_cv, 0.02, 1e-12);
  EXPECT_EQ(row.window, "steps 11-13 of 13");
  EXPECT_THAT(row.samples_s, ElementsAre(2.5, 2.55, 2.45));
  EXPECT_EQ(parse_rows_csv(rows_csv(std::vector{row}), "rows.csv").front(), row);
}

TEST(SetStatistics, OfARefusedRunIsAFailedRowWithItsSamples) {
  const Row row = mock_runner(one_rank({}, {0.9, 1.1, 0.9, 1.1}), kAllSteps)(sample_job());
  EXPECT_EQ(row.status, Status::failed);
  EXPECT_EQ(row.feature, "cv");
  EXPECT_THAT(row.reason, HasSubstr("11.55 %"));
  EXPECT_EQ(row.step_time_s, std::nullopt);
  EXPECT_EQ(row.tokens_per_s_per_gpu, std::nullopt);
  EXPECT_EQ(std::ssize(row.samples_s), 4);
  EXPECT_EQ(parse_rows_csv(rows_csv(std::vector{row}), "rows.csv").front(), row);
}

TEST(SetStatistics, TakesAwayAnEarlierResult) {
  const Job job = sample_job();
  Row row = row_of(job);
  set_step_time(row, job, 1.0);
  set_statistics(row, job, of_one_rank({1.0, kNan}));
  EXPECT_EQ(row.status, Status::failed);
  EXPECT_EQ(row.step_time_s, std::nullopt);
  EXPECT_EQ(row.mfu, std::nullopt);
}

TEST(SetStatistics, TurnsWarningsIntoNotes) {
  const Row row = mock_runner(one_rank({}, {2.0}), kAllSteps)(sample_job());
  EXPECT_THAT(row.notes, testing::Contains(HasSubstr("one step was timed")));
  EXPECT_THAT(row.notes, testing::Contains("a note"));
}

}  // namespace
}  // namespace perfbench
