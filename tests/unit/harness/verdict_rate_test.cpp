// How often noise alone is called a change, and how often a change is found. The rates of docs/ci.md.
#include <gtest/gtest.h>

#include "harness/verdict.h"
#include "unit/harness/traces.h"

namespace perfbench {
namespace {

constexpr std::size_t kSteps = 20;  // of the window, unless the run says otherwise
constexpr int kPairs = 100;

Verdict verdict_of(const Row& baseline, const Row& current) {
  return judge(compared_metrics()[0], baseline, current, ratio_noise(baseline, current), {})->verdict;
}

// Verdicts of pairs of runs, the second of which takes `times` as long.
struct Rates {
  int slower = 0, faster = 0, same = 0;
};

Rates rates_of(const Trace& trace, std::size_t steps, double times) {
  Noise noise(steps);
  Rates rates;
  for (int pair = 0; pair < kPairs; ++pair) {
    const Row before = measured_row(trace.steps(noise, steps));
    const Verdict verdict = verdict_of(before, measured_row(trace.steps(noise, steps), times));
    rates.slower += verdict == Verdict::slower;
    rates.faster += verdict == Verdict::faster;
    rates.same += verdict == Verdict::same;
  }
  return rates;
}

std::vector<Trace> traces() {
  std::vector<Trace> all;
  for (const double cv : {0.01, 0.05, 0.1, 0.25}) all.push_back(normal_trace(cv));
  for (const double cv : {0.05, 0.25})
    for (const double r : {0.3, 0.6, 0.9}) all.push_back(normal_trace(cv, r));
  for (const double share : {0.05, 0.2}) all.push_back(swinging_trace(share));
  all.push_back(sloping_trace(0.2));
  all.push_back(log_normal_trace(0.5));
  all.push_back(heavy_tailed_trace(0.1));
  for (const double change : {0.2, 0.5}) all.push_back(bimodal_trace(change));
  return all;
}

// The interval is one of 95 %, and must pass the threshold, too.
TEST(VerdictRate, OneRunBesideAnotherOfTheSameIsCalledAChangeInUnderFivePercent) {
  for (const Trace& trace : traces()) {
    const Rates rates = rates_of(trace, kSteps, 1.0);
    EXPECT_LE(rates.slower + rates.faster, kPairs * 5 / 100) << trace.name;
  }
}

struct Change {
  Trace trace;
  double times;
  std::size_t steps;
  int found;  // of kPairs, at least
};

TEST(VerdictRate, AChangeBeyondThresholdAndNoiseIsFound) {
  const Change changes[] = {
      {normal_trace(0.01), 1.1, 20, 100},     {normal_trace(0.02), 1.1, 20, 90},
      {normal_trace(0.05), 1.2, 20, 97},      {normal_trace(0.1), 1.3, 20, 95},
      {normal_trace(0.25), 2.0, 20, 95},      {normal_trace(0.05), 1.1, 100, 95},
      {normal_trace(0.05, 0.6), 1.3, 20, 60}, {normal_trace(0.05, 0.9), 1.5, 20, 85},
      {swinging_trace(0.05), 1.5, 20, 95},    {log_normal_trace(0.5), 3.0, 20, 80},
      {heavy_tailed_trace(0.1), 1.3, 20, 90}, {bimodal_trace(0.5), 1.5, 20, 95},
  };
  for (const auto& [trace, times, steps, found] : changes) {
    EXPECT_GE(rates_of(trace, steps, times).slower, found) << trace.name << " x " << times;
    EXPECT_GE(rates_of(trace, steps, 1.0 / times).faster, found) << trace.name << " x " << 1.0 / times;
  }
}

TEST(VerdictRate, SteadyRunsAreTheSame) {
  EXPECT_EQ(rates_of(normal_trace(0.01), kSteps, 1.0).same, kPairs);
  EXPECT_GE(rates_of(normal_trace(0.02), kSteps, 1.0).same, kPairs * 9 / 10);
}

// Runs whose level changes from one to the next by more than their steps do: only repeats see that.
TEST(VerdictRate, RepeatsSeeWhatOneRunCannot) {
  Noise noise(7);
  const auto repeated = [&](double times) {
    Row row = measured_row(normal_trace(0.01).steps(noise, kSteps), times);
    for (int repeat = 0; repeat < 5; ++repeat) row.repeats_s.push_back(times * std::exp(0.1 * noise.normal()));
    row.step_time_s = median(row.repeats_s);
    return row;
  };
  int firm = 0, firm_without = 0, found = 0;
  for (int pair = 0; pair < kPairs; ++pair) {
    Row before = repeated(1.0), after = repeated(1.0);
    const Row slow = repeated(1.5);
    firm += verdict_of(before, after) >= Verdict::slower || verdict_of(before, after) == Verdict::faster;
    found += verdict_of(before, slow) == Verdict::slower;
    before.repeats_s.clear();
    after.repeats_s.clear();
    firm_without += verdict_of(before, after) >= Verdict::slower || verdict_of(before, after) == Verdict::faster;
  }
  EXPECT_LE(firm, kPairs * 5 / 100);
  EXPECT_GE(found, kPairs * 9 / 10);
  EXPECT_GE(firm_without, kPairs / 4);  // what the repeats are for
}

}  // namespace
}  // namespace perfbench
