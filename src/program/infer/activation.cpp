#include "program/infer/rules.h"

namespace perfbench {

Types infer(const SwiGlu& op, const InferContext& c) {
  const ValueType& x = c.type(op.x);
  c.no_partial(x);
  return {{{x.shape[0], x.shape[1] / 2}, x.dtype, x.placement}};
}

Types infer(const SwiGluBackward& op, const InferContext& c) {
  if (c.type(op.dy).placement != c.type(op.x).placement) c.fail("dy and x lie differently");
  return {c.type(op.x)};
}

Types infer(const Activate& op, const InferContext& c) {
  c.no_partial(c.type(op.x));
  return {c.type(op.x)};
}

Types infer(const ActivateBackward& op, const InferContext& c) {
  c.same(c.type(op.dy), c.type(op.x));
  return {c.type(op.x)};
}

}  // namespace perfbench
