// The pipeline level that both simulations share: slots in schedule order, transfers between stages, the end of the
// step.
#pragma once

#include <functional>
#include <vector>

#include "sim/simulate.h"
#include "sim/stage_clock.h"

namespace perfbench {

struct SlotInput {
  double arrival_s = kNoWait;  // when the activation, or the gradient, is on the stage
  bool is_first = false, is_last = false;
};

// Plays one slot of a stage over the values of its chunk, and returns when what it sends is ready. The same slot does
// the same for every microbatch but the first and the last.
using PlaySlot =
    std::function<double(int stage, const Slot& slot, const SlotInput& input, StageClock& clock, ReadyTable& ready)>;

// Steps of more than `most_played` microbatches are played in part. Throws std::logic_error when the schedules of the
// stages wait for each other.
Simulation play_pipeline(const Plan& plan, const std::vector<TimedProgram>& timed, const PlaySlot& play_slot,
                         double step_fixed_s, std::int64_t most_played = kMostPlayed);

// The timed Programs of all chunk kinds.
std::vector<TimedProgram> time_programs(const Plan& plan, const CostModel& cost);

}  // namespace perfbench
