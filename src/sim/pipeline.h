// The pipeline level that both simulations share: slots in schedule order, transfers between stages, the end of the
// step.
#pragma once

#include <cmath>
#include <functional>
#include <limits>
#include <vector>

#include "program/schedule.h"
#include "sim/simulate.h"
#include "sim/stage_clock.h"

namespace perfbench {

struct SlotInput {
  double arrival_s = 0.0;  // when the activation, or the gradient, is on the stage
  bool is_first = false, is_last = false;
};

// Plays one slot of a stage and returns when what it sends is ready.
using PlaySlot = std::function<double(int stage, const Slot& slot, const SlotInput& input, StageClock& clock)>;

// Throws std::logic_error when the schedules of the stages wait for each other.
Simulation play_pipeline(const Job& job, const JobPrograms& programs, const std::vector<TimedProgram>& timed,
                         const PlaySlot& play_slot, double step_fixed_s);

// The timed Programs of all chunk kinds.
std::vector<TimedProgram> time_programs(const JobPrograms& programs, const CostModel& cost);

}  // namespace perfbench
