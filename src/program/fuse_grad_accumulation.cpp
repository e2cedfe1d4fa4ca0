#include "program/passes.h"

namespace perfbench {

void fuse_grad_accumulation(Program& program) {
  std::vector<Node> fused;
  fused.reserve(program.backward.size());
  for (const Node& node : program.backward) {
    const auto* accumulate = std::get_if<Accumulate>(&node.op);
    const auto* grad = fused.empty() ? nullptr : std::get_if<WeightGrad>(&fused.back().op);
    if (accumulate == nullptr || grad == nullptr || grad->dw.id != accumulate->dw.id) {
      fused.push_back(node);
      continue;
    }
    const WeightGradAccumulate both{.dy = grad->dy,
                                    .x = grad->x,
                                    .scale_dy = grad->scale_dy,
                                    .scale_x = grad->scale_x,
                                    .main_grad = accumulate->main_grad,
                                    .transposed = grad->transposed};
    fused.back().op = both;
  }
  program.backward = std::move(fused);
}

}  // namespace perfbench
