#include "program/backward/rules.h"

namespace perfbench {

void backward(const SwiGlu& op, BackwardContext& c) {
  const ValueId dy = c.gradient(op.y);
  if (dy == kNoValue || !c.needed(op.x)) return;
  SwiGluBackward back{.dy = {dy}, .x = op.x, .weights = op.weights};
  back = c.emit(back, {"dx", c.needed(op.weights) ? "dweights" : nullptr});
  c.give(op.x, back.dx.id);
  c.give(op.weights, back.dweights.id);
}

void backward(const Activate& op, BackwardContext& c) {
  const ValueId dy = c.gradient(op.y);
  if (dy == kNoValue || !c.needed(op.x)) return;
  const ActivateBackward back{.dy = {dy}, .x = op.x, .activation = op.activation};
  c.give(op.x, c.emit(back, {"dx"}).dx.id);
}

}  // namespace perfbench
