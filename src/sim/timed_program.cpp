#include "sim/timed_program.h"

#include <algorithm>

#include "program/offload.h"
#include "program/operands.h"
#include "sim/host_issue.h"

namespace perfbench {
namespace {

std::vector<TimedOp> time_nodes(const std::vector<Node>& nodes, const Program& program, const CostModel& cost,
                                const std::vector<Issue>& issues) {
  std::vector<TimedOp> ops;
  ops.reserve(nodes.size());
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    const Node& node = nodes[i];
    TimedOp op{.when = node.when,
               .reads = {},
               .writes = {},
               .steps = op_time(node.op, program, cost),
               .after = node.after,
               .issue_s = issues[i].seconds,
               .host_waits = issues[i].waits};
    for (TimedStep& step : op.steps) {
      if (step.part == Part::launch) step.seconds *= issues[i].gap_share;
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

// The copies of offloaded layers among the ops of a phase. Compute waits for the end of a copy: in the forward before
// the layer after next, whose activations take its place, in the backward before the layer itself. What is on its way
// has an id of its own behind the values of the Program.
class HostCopies {
 public:
  HostCopies(const Program& program, const CostModel& cost)
      : layers_(offloaded_layers(program)),
        host_(layers_.empty() ? 1.0 : known(cost.hardware, &Hardware::host_bytes_per_s)),
        first_(static_cast<ValueId>(program.values.size())) {}

  std::vector<TimedOp> among(std::vector<TimedOp> ops, HostCopy OffloadedLayer::*copy) const {
    if (layers_.empty()) return ops;
    std::vector<TimedOp> all;
    for (std::size_t i = 0; i <= ops.size(); ++i) {
      for (std::size_t l = 0; l < layers_.size(); ++l) {
        const ValueId id = first_ + static_cast<ValueId>(l);
        if ((layers_[l].*copy).begin == i) all.push_back(begun(layers_[l], id));
        if ((layers_[l].*copy).end == i) all.push_back({.reads = {id}, .steps = {compute(0.0)}});
      }
      if (i < ops.size()) all.push_back(std::move(ops[i]));
    }
    return all;
  }
  std::size_t num_values() const { return static_cast<std::size_t>(first_) + layers_.size(); }

 private:
  static TimedStep compute(double seconds) { return {Lane::compute, seconds, Part::offload_exposed}; }
  // Not before compute has come to it.
  TimedOp begun(const OffloadedLayer& layer, ValueId id) const {
    const double seconds = static_cast<double>(layer.bytes) / host_;
    return {.writes = {id}, .steps = {compute(0.0), {Lane::host, seconds, Part::offload_exposed}}};
  }

  std::vector<OffloadedLayer> layers_;
  double host_;  // bytes a second
  ValueId first_;
};

double send_of(ValueId id, const Program& program, const CostModel& cost) {
  return id == kNoValue ? 0.0 : send_time_s(static_cast<double>(program.type(id).bytes()), cost);
}

}  // namespace

bool TimedProgram::waits_for_host(bool is_backward) const {
  return std::ranges::any_of(ops(is_backward), [](const TimedOp& op) { return op.issue_s > 0.0; });
}

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
  const HostCopies copies(program, cost);
  const IssueTimes issues = issue_times(program, cost.host);
  TimedProgram timed{
      .forward = copies.among(time_nodes(program.forward, program, cost, issues.forward), &OffloadedLayer::out),
      .backward = copies.among(time_nodes(program.backward, program, cost, issues.backward), &OffloadedLayer::in),
      .num_values = copies.num_values(),
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
