// What a run's step times say: the step time, how much it varies, and whether it can be trusted.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/median.h"
#include "job/job.h"
#include "rows/row.h"

namespace perfbench {

// Seconds of every step of a run, warm-up included: by_rank_s[rank][step].
struct StepTimes {
  std::vector<std::vector<double>> by_rank_s;
};

// Steps that count, from 1, both ends included. The steps before are warm-up.
struct StepWindow {
  std::int64_t first = 11;  // NeMo AutoModel, examples/benchmark/configs: warmup_steps 10, max_steps 30
  std::int64_t last = 0;    // 0: the last of the run
};

struct StatisticsRules {
  StepWindow window{};
  // Largest coefficient of variation of a row that is kept. Megatron-LM's benchmark of single MoE layers (moe_perf, in
  // its functional tests) allows 2 %; whole steps vary more, and 5 % is the change that `diff` looks for in measured
  // rows.
  double cv_limit = 0.05;
};

struct StepStatistics {
  std::string window{};                       // "steps 11-30 of 30"; empty where there was no step
  std::vector<double> samples_s{};            // steps of the window, each as long as on its slowest rank
  std::optional<double> median_s{};           // of samples_s
  std::optional<double> mad_s{}, cv{};        // unset for one sample
  std::optional<double> rank_spread{};        // largest / smallest of the ranks' medians; unset for one rank
  std::optional<std::int64_t> slow_rank{};    // from 0
  std::vector<std::int64_t> outlier_steps{};  // from 1, counted from the start of the run
  bool first_steps_slow = false;
  std::vector<std::string> warnings{};
  std::string feature{}, reason{};  // refused: "samples", "steps" or "cv", and why; else empty

  bool refused() const { return !feature.empty(); }
};

// Never throws for what a run can bring forth: ranks that stopped early and times that are no times are refusals.
// Throws InputError for a window that starts before step 1 or ends before it starts, and for a limit below 0.
StepStatistics step_statistics(const StepTimes& times, const StatisticsRules& rules = {});

// The statistics as the row's result: the median is the step time, warnings become notes. A refused row gets status
// failed, its feature and reason, its samples, and no step time.
void set_statistics(Row& row, const Job& job, const StepStatistics& statistics);

// Sample standard deviation (n - 1) / mean. Of at least two positive values.
double coefficient_of_variation(std::span<const double> values);

}  // namespace perfbench
