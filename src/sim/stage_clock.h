// The clock of one pipeline stage: a server per lane, and where the compute lane's time went.
#pragma once

#include <array>
#include <limits>
#include <vector>

#include "cost/part.h"
#include "sim/timed_program.h"

namespace perfbench {

// Of what needs nothing: nobody waits for it, wherever the clocks stand.
inline constexpr double kNoWait = -std::numeric_limits<double>::infinity();

// When a value is there, and what a reader that has to wait for it waits for.
struct Ready {
  double time_s = 0.0;
  Part waits_for = Part::pipeline_bubble;
};

// The values of one chunk of a stage. Microbatches share the table: a saved value that a later microbatch has
// overwritten was there before that one, so nobody waits longer or less for it.
using ReadyTable = std::vector<Ready>;

struct StageClock {
  std::array<double, kNumLanes> free_s{};  // when each lane is idle again
  double issued_s = 0.0;                   // when the host has launched all that it was charged for
  Breakdown breakdown;                     // adds up to free_s of the compute lane, counted from the start
  double measured_s = 0.0;                 // of that, kernels whose times were measured

  double& free(Lane lane) { return free_s[static_cast<std::size_t>(lane)]; }
  double free(Lane lane) const { return free_s[static_cast<std::size_t>(lane)]; }

  // Nothing happens on the compute lane until `time_s`, because of `part`.
  void wait_until(double time_s, Part part);

  // Plays the ops of one slot whose condition holds, in program order: an op starts when its lane is idle and what it
  // reads is there. An op with a control edge belongs to its slot: beside compute, it starts when the value is there
  // and the compute lane has come to the slot. Ops that the host needs time for are launched one by one, however far
  // the lanes are: none of them starts before, and what the host reads back stops it until it is there.
  void play(const std::vector<TimedOp>& ops, bool is_first, bool is_last, ReadyTable& ready);
};

}  // namespace perfbench
