// Lifetimes, derived: what a microbatch keeps between its forward and its backward, and how high each phase rises.
#pragma once

#include <cstdint>
#include <vector>

#include "program/program.h"

namespace perfbench {

// Bytes on one rank. States are not counted; they belong to the stage.
struct Liveness {
  // Forward values that the backward reads, from the end of the forward on, without those that wait in host memory.
  std::int64_t saved_bytes = 0;
  std::int64_t forward_peak_bytes = 0;   // highest sum of live values during the forward
  std::int64_t backward_peak_bytes = 0;  // highest during the backward, with what is still saved
};

// Forward values that the backward reads, data and states excepted: what a microbatch saves.
std::vector<ValueId> saved_values(const Program& program);

// Values that nobody touches after each node of a phase, in the order of the nodes: whoever runs or replays the phase
// frees them then. Data and states are never freed.
struct Lifetimes {
  std::vector<std::vector<ValueId>> forward, backward;
};
Lifetimes lifetimes(const Program& program);

// Values are made at their op and freed after their last reader in program order; what is sent to another chunk lives
// to the end of its phase.
Liveness liveness(const Program& program);

// Bytes that one rank holds of the states of one kind, with the padding of the buckets they lie in; of sharded states
// this rank's share.
std::int64_t state_bytes(const Program& program, StateKind kind);

}  // namespace perfbench
