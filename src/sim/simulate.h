// Plays the pipeline stages of a plan against each other on a discrete clock. One rank of each stage stands for its
// peers.
#pragma once

#include <cstdint>
#include <vector>

#include "cost/op_time.h"
#include "cost/part.h"
#include "program/plan.h"

namespace perfbench {

struct Simulation {
  double step_time_s = 0.0;
  Breakdown breakdown;              // of the stage that finishes last; adds up to step_time_s
  double measured_s = 0.0;          // of step_time_s: kernels of that stage and of the update, by CostModel::measured
  std::vector<double> stage_end_s;  // when each stage is done with its microbatches and its gradients
  double error_s = 0.0;             // of step_time_s at most, where much of a long step had to be extrapolated
};

// Of a step's microbatches, those of all flushes, so many are played one by one. Of a longer step the beginning and the
// end are, and in between as much as it takes to see the period in which all clocks advance; the other periods are
// added up (docs/cost_model.md, "Long steps").
inline constexpr std::int64_t kMostPlayed = 4096;

// The reference: every op of every slot on its lane.
Simulation simulate_flat(const Plan& plan, const CostModel& cost, std::int64_t most_played = kMostPlayed);

// Each chunk kind is played once; slots with dp traffic (the first and the last microbatch; under FSDP all) are played
// as they are, all others take the kind's time. For search and for rows: within a few parts in a thousand of the flat
// one.
Simulation simulate(const Plan& plan, const CostModel& cost, std::int64_t most_played = kMostPlayed);

}  // namespace perfbench
