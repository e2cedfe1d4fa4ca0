// Plays many equal stretches of a step: as many as it takes until the clocks advance evenly, and all others at once.
#pragma once

#include <cstdint>
#include <functional>

#include "sim/pipeline_state.h"

namespace perfbench {

// Slots after which the schedule repeats, without the first and the last microbatch: what comes out depends on nothing
// but the state.
struct Repetition {
  std::int64_t count = 0;        // how often it comes
  std::int64_t slots = 0;        // of every stage
  std::int64_t most_played = 0;  // how often it is played to find a period; what is left then is extrapolated
  std::function<void()> play;    // the next one
};

// The state after `count` of them. docs/cost_model.md: "Long steps". Where no period is found, state.error_s grows by
// what the extrapolation may be off by.
void repeat(PipelineState& state, const Repetition& repetition);

}  // namespace perfbench
