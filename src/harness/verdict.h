// Whether one value got better or worse than its reference. Pure arithmetic: the same numbers, the same verdict.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "harness/ratio_noise.h"
#include "rows/row.h"

namespace perfbench {

// From the least to the worst; the verdict of a row is the worst of its metrics.
enum class Verdict { same, faster, added, ambiguous, slower, missing, invalid };

inline constexpr Verdict kVerdicts[] = {Verdict::same,   Verdict::faster,  Verdict::added,  Verdict::ambiguous,
                                        Verdict::slower, Verdict::missing, Verdict::invalid};

constexpr std::string_view name(Verdict verdict) {
  switch (verdict) {
    case Verdict::same:
      return "SAME";
    case Verdict::faster:
      return "FASTER";
    case Verdict::added:
      return "NEW";
    case Verdict::ambiguous:
      return "AMBIGUOUS";
    case Verdict::slower:
      return "SLOWER";
    case Verdict::missing:
      return "MISSING";
    case Verdict::invalid:
      return "INVALID";
  }
  return "?";
}

// A metric that is compared. For memory, SLOWER means more of it and FASTER less.
struct ComparedMetric {
  std::string_view name;        // in docs/metrics.md
  bool more_is_better = false;  // tokens per second, not seconds
  bool timed = false;           // follows from the step time, and has its noise
  std::optional<double> Row::*value;
};

// step_time_s, tokens_per_s_per_gpu, model_tflops_per_gpu, peak_memory_gib.
std::span<const ComparedMetric> compared_metrics();

inline constexpr double kSimulatedThreshold = 0.02;  // share; a simulation has no noise, a cost model has small edits
inline constexpr double kMeasuredThreshold = 0.05;   // share; measured, slice and published rows

// Metric name -> share of change that counts, instead of the default.
using Thresholds = std::map<std::string, double, std::less<>>;

// "step_time_s=5,peak_memory_gib=2.5%": percent. Throws InputError (where = `where`) with every unknown metric and
// every value that is no percentage from 0 to below 100.
Thresholds parse_thresholds(std::string_view text, const std::string& where);
double threshold_of(const ComparedMetric& metric, Method method, const Thresholds& thresholds);

struct MetricDiff {
  std::string_view metric;
  std::optional<double> baseline, current;
  double slowdown = 1.0;               // above 1: worse. current / baseline, or its inverse where more is better
  std::optional<Interval> interval{};  // of current / baseline - 1, 95 %; unset where nothing was sampled
  double threshold = 0.0;              // share
  Verdict verdict = Verdict::same;
  std::string reason{};  // of INVALID and AMBIGUOUS, one sentence
};

// SAME when the slowdown is within the threshold, SLOWER or FASTER when it passes it. Where it has an interval, all of
// this must be within or beyond: else AMBIGUOUS, and the reason says how many steps or repeats would be enough, since
// the interval's width goes as 1 / sqrt(their number). AMBIGUOUS, too, when one of the rows has samples and `noise` is
// not known because there are too few; and when a measured time without any passes the threshold. INVALID for a value
// that is no positive number or that the baseline alone has. Nothing where the baseline has none.
// `noise` is ratio_noise() of the rows.
std::optional<MetricDiff> judge(const ComparedMetric& metric, const Row& baseline, const Row& current,
                                const std::optional<RatioNoise>& noise, const Thresholds& thresholds);

}  // namespace perfbench
