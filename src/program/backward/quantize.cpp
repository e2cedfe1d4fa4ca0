#include "program/backward/rules.h"

namespace perfbench {

// Rounding has no gradient of its own: it passes through.
void backward(const Quantize& op, BackwardContext& c) {
  const ValueId dq = c.gradient(op.q, true);
  if (dq != kNoValue) c.give(op.x, dq);
}

void backward(const CastWeight&, BackwardContext&) {}  // the gradient goes to the weight itself

}  // namespace perfbench
