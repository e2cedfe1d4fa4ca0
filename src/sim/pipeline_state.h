// Where all clocks of a pipeline stand between two slots.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "sim/arrivals.h"
#include "sim/stage_clock.h"

namespace perfbench {

// Times are seconds from `origin_s`, so that a long step does not wear off their digits.
struct PipelineState {
  std::vector<StageClock> clocks;   // by stage
  std::vector<double> send_free_s;  // by (source stage, phase): when its transfers have left
  std::vector<ReadyTable> ready;    // by chunk in model order
  Arrivals arrivals;                // readers: by (chunk in model order, phase)
  std::vector<std::int64_t> next;   // slots played, by stage
  double origin_s = 0.0;            // from the start of the step
  double error_s = 0.0;             // what the end of the step may be off by, where slots were extrapolated

  // When each lane is idle, the compute lanes of all stages before all others.
  template <class Visit>
  void for_each_lane(Visit&& visit) {
    for (std::size_t lane = 0; lane < kNumLanes; ++lane) {
      for (StageClock& clock : clocks) visit(clock.free_s[lane]);
    }
    for (double& time_s : send_free_s) visit(time_s);
    for (StageClock& clock : clocks) visit(clock.issued_s);
  }
  // All that a slot may wait for: the lanes, what is under way, what is there.
  template <class Visit>
  void for_each_time(Visit&& visit) {
    for_each_lane(visit);
    arrivals.for_each_time(visit);
    for (ReadyTable& table : ready) {
      for (Ready& value : table) visit(value.time_s);
    }
  }
  // What adds up over slots: kNumSums of each stage, and the error.
  static constexpr std::size_t kNumSums = kNumParts + 1;
  template <class Visit>
  void for_each_sum(Visit&& visit) {
    for (StageClock& clock : clocks) {
      for (double& seconds : clock.breakdown.seconds) visit(seconds);
      visit(clock.measured_s);
    }
    visit(error_s);
  }
};

}  // namespace perfbench
