// A run that takes no time: it returns the step times that it is told.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "harness/runner.h"
#include "harness/statistics.h"

namespace perfbench {

// Times of one rank: `warmup_s`, then `steps_s`.
inline StepTimes one_rank(std::vector<double> warmup_s, const std::vector<double>& steps_s) {
  warmup_s.insert(warmup_s.end(), steps_s.begin(), steps_s.end());
  return {.by_rank_s = {std::move(warmup_s)}};
}

// A Runner whose row is measured from `times`, whatever the job.
inline Runner mock_runner(StepTimes times, StatisticsRules rules = {}) {
  return [times = std::move(times), rules](const Job& job) {
    Row row = row_of(job);
    row.method = Method::measured;
    set_statistics(row, job, step_statistics(times, rules));
    return row;
  };
}

}  // namespace perfbench
