#include "program/lane_steps.h"

namespace perfbench {
namespace {

using Steps = std::vector<LaneStep>;

LaneStep kernel(double share) { return {.kind = LaneStep::Kind::kernel, .share = share}; }

LaneStep all_reduce(Axis axis, std::int64_t bytes) {
  return {.kind = LaneStep::Kind::all_reduce, .share = 0.0, .axis = axis, .bytes = bytes};
}

Steps cross_entropy_steps(const CrossEntropy& op, const Program& program) {
  if (program.axis_size[op.axis] == 1) return {kernel(1.0)};
  const std::int64_t tokens = program.type(op.logits.id).shape[0];
  return {kernel(0.5), all_reduce(op.axis, 4 * tokens), kernel(0.5), all_reduce(op.axis, 8 * tokens)};
}

// Reading for the amax, then reading and writing for the cast: a third and two thirds of the traffic, near enough.
Steps quantize_steps(const Quantize& op, const Program& program) {
  if (!op.amax_over_tp || program.axis_size[Axis::tp] == 1) return {kernel(1.0)};
  return {kernel(1.0 / 3.0), all_reduce(Axis::tp, 4), kernel(2.0 / 3.0)};
}

// One number over the ranks that hold other parts of the gradients; between stages the schedule's end carries it.
Steps grad_norm_steps(const Program& program) {
  Steps steps = {kernel(1.0)};
  if (program.axis_size[Axis::tp] > 1) steps.push_back(all_reduce(Axis::tp, 4));
  if (replicas(program) > 1) steps.push_back(all_reduce(Axis::dp, 4));
  return steps;
}

}  // namespace

Steps lane_steps(const Op& op, const Program& program) {
  if (const auto* loss = std::get_if<CrossEntropy>(&op)) return cross_entropy_steps(*loss, program);
  if (const auto* quantize = std::get_if<Quantize>(&op)) return quantize_steps(*quantize, program);
  if (std::holds_alternative<GradNorm>(op)) return grad_norm_steps(program);
  return {kernel(1.0)};
}

}  // namespace perfbench
