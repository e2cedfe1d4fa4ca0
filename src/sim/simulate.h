// Plays the pipeline stages of a job against each other on a discrete clock. One rank of each stage stands for its
// peers.
#pragma once

#include <vector>

#include "cost/op_time.h"
#include "cost/part.h"
#include "program/job_programs.h"
#include "program/schedule.h"
#include "spec/job.h"

namespace perfbench {

struct Simulation {
  double step_time_s = 0.0;
  Breakdown breakdown;              // of the stage that finishes last; adds up to step_time_s
  double measured_s = 0.0;          // of step_time_s: kernels of that stage and of the update, by CostModel::measured
  std::vector<double> stage_end_s;  // when each stage is done with its microbatches and its gradients
};

// The reference: every op of every slot on its lane.
Simulation simulate_flat(const Job& job, const JobPrograms& programs, const CostModel& cost);

// Each chunk kind is played once; slots with dp traffic (the first and the last microbatch; under FSDP all) are played
// as they are, all others take the kind's time. For search and for rows: within a few parts in a thousand of the flat
// one.
Simulation simulate(const Job& job, const JobPrograms& programs, const CostModel& cost);

}  // namespace perfbench
