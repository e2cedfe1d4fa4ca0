// A Program with a time on every op: what the clock plays.
#pragma once

#include <vector>

#include "cost/op_time.h"
#include "program/program.h"

namespace perfbench {

struct TimedOp {
  When when = When::always;
  std::vector<ValueId> reads{}, writes{};
  std::vector<TimedStep> steps{};
  ValueId after = kNoValue;  // a control edge: what the op does beside compute does not start before this is made
  double issue_s = 0.0;      // that the host needs to launch it; 0: it is far ahead
  bool host_waits = false;   // and launches nothing more before the op is done
};

struct TimedProgram {
  std::vector<TimedOp> forward, backward;
  std::size_t num_values = 0;
  ValueId input = kNoValue, output = kNoValue, grad_output = kNoValue, grad_input = kNoValue;
  double forward_send_s = 0.0;   // of the output to the next stage
  double backward_send_s = 0.0;  // of the input's gradient to the stage before
  double optimizer_s = 0.0;
  double optimizer_measured_s = 0.0;  // of it, kernels whose times were measured

  bool waits_for_host(bool is_backward) const;  // in some op of the phase
  const std::vector<TimedOp>& ops(bool is_backward) const { return is_backward ? backward : forward; }
  // Weights or gradients travel over dp with every microbatch, not with the first and the last alone.
  bool always_over_dp() const;
};

TimedProgram time_program(const Program& program, const CostModel& cost);

}  // namespace perfbench
