#include "program/passes.h"

namespace perfbench {

namespace {

WeightGradAccumulate both(const WeightGrad& grad, InOut main_grad) {
  return {.dy = grad.dy,
          .x = grad.x,
          .scale_dy = grad.scale_dy,
          .scale_x = grad.scale_x,
          .main_grad = main_grad,
          .transposed = grad.transposed};
}

GroupedWeightGradAccumulate both(const GroupedWeightGrad& grad, InOut main_grad) {
  return {.dy = grad.dy,
          .x = grad.x,
          .scale_dy = grad.scale_dy,
          .scale_x = grad.scale_x,
          .counts = grad.counts,
          .main_grad = main_grad,
          .transposed = grad.transposed};
}

// Whether `op` is the gradient that is added, which it then is together with the addition.
template <class Grad>
bool fuse(Op& op, const Accumulate& accumulate) {
  const auto* grad = std::get_if<Grad>(&op);
  if (grad == nullptr || grad->dw.id != accumulate.dw.id) return false;
  op = both(*grad, accumulate.main_grad);
  return true;
}

}  // namespace

void fuse_grad_accumulation(Program& program) {
  std::vector<Node> fused;
  fused.reserve(program.backward.size());
  for (const Node& node : program.backward) {
    const auto* accumulate = std::get_if<Accumulate>(&node.op);
    const bool done =
        accumulate != nullptr && !fused.empty() &&
        (fuse<WeightGrad>(fused.back().op, *accumulate) || fuse<GroupedWeightGrad>(fused.back().op, *accumulate));
    if (!done) fused.push_back(node);
  }
  program.backward = std::move(fused);
}

}  // namespace perfbench
