#include "sim/stage_clock.h"

#include <algorithm>

namespace perfbench {
namespace {

bool runs(When when, bool is_first, bool is_last) {
  switch (when) {
    case When::always:
      return true;
    case When::first_microbatch:
      return is_first;
    case When::last_microbatch:
      return is_last;
  }
  return true;
}

}  // namespace

void StageClock::wait_until(double time_s, Part part) {
  double& compute = free(Lane::compute);
  if (time_s <= compute) return;
  breakdown[part] += time_s - compute;
  compute = time_s;
}

void StageClock::play(const std::vector<TimedOp>& ops, bool is_first, bool is_last, ReadyTable& ready) {
  const double slot_start_s = free(Lane::compute);
  for (const TimedOp& op : ops) {
    if (!runs(op.when, is_first, is_last)) continue;
    if (op.issue_s > 0.0) {
      issued_s += op.issue_s;
      wait_until(issued_s, Part::host);
    }
    Ready done{.time_s = kNoWait};  // of the op so far: first of its inputs, then of its steps
    for (ValueId id : op.reads) {
      const Ready& input = ready[static_cast<std::size_t>(id)];
      if (input.time_s > done.time_s) done = input;
    }
    double earliest_s = kNoWait;
    if (op.after != kNoValue) earliest_s = std::max(slot_start_s, ready[static_cast<std::size_t>(op.after)].time_s);
    for (const TimedStep& step : op.steps) {
      if (step.lane == Lane::compute) {
        wait_until(done.time_s, done.waits_for);
        breakdown[step.part] += step.seconds;
        if (step.measured) measured_s += step.seconds;
      } else {
        done.time_s = std::max(done.time_s, earliest_s);
      }
      double& lane = free(step.lane);
      lane = std::max(lane, done.time_s) + step.seconds;
      done = {lane, step.part};  // compute never waits for compute: its lane is in order
    }
    if (op.host_waits) issued_s = std::max(issued_s, done.time_s);
    for (ValueId id : op.writes) ready[static_cast<std::size_t>(id)] = done;
  }
}

}  // namespace perfbench
