#include "sim/timed_program.h"

#include "program/operands.h"

namespace perfbench {
namespace {

std::vector<TimedOp> time_nodes(const std::vector<Node>& nodes, const Program& program, const CostModel& cost) {
  std::vector<TimedOp> ops;
  ops.reserve(nodes.size());
  for (const Node& node : nodes) {
    TimedOp op{
        .when = node.when, .reads = {}, .writes = {}, .steps = op_time(node.op, program, cost), .after = node.after};
    for (TimedStep& step : op.steps) {
      if (node.recomputed && step.lane == Lane::compute) step.part = Part::recompute;
    }
    for (const Operand& operand : collect(node.op)) {
      if (operand.reads()) op.reads.push_back(operand.id);
      if (operand.writes()) op.writes.push_back(operand.id);
    }
    ops.push_back(std::move(op));
  }
  return ops;
}

double send_of(ValueId id, const Program& program, const CostModel& cost) {
  return id == kNoValue ? 0.0 : send_time_s(static_cast<double>(program.type(id).bytes()), cost);
}

}  // namespace

bool TimedProgram::always_over_dp() const {
  for (const auto* ops : {&forward, &backward}) {
    for (const TimedOp& op : *ops) {
      if (op.when != When::always) continue;
      for (const TimedStep& step : op.steps) {
        if (step.lane == Lane::dp) return true;
      }
    }
  }
  return false;
}

TimedProgram time_program(const Program& program, const CostModel& cost) {
  TimedProgram timed{.forward = time_nodes(program.forward, program, cost),
                     .backward = time_nodes(program.backward, program, cost),
                     .num_values = program.values.size(),
                     .input = program.input,
                     .output = program.output,
                     .grad_output = program.grad_output,
                     .grad_input = program.grad_input,
                     .forward_send_s = send_of(program.output, program, cost),
                     .backward_send_s = send_of(program.grad_input, program, cost)};
  for (const Node& node : program.optimizer) {
    for (const TimedStep& step : op_time(node.op, program, cost)) {
      timed.optimizer_s += step.seconds;
      if (step.measured) timed.optimizer_measured_s += step.seconds;
    }
  }
  return timed;
}

}  // namespace perfbench
