#include "program/infer/rules.h"

namespace perfbench {

Types infer(const SwiGlu& op, const InferContext& c) {
  const ValueType& x = c.type(op.x);
  c.no_partial(x);
  if (op.weights.id != kNoValue) c.per_token(x, c.type(op.weights));
  return {{{x.shape[0], x.shape[1] / 2}, x.dtype, x.placement}};
}

Types infer(const SwiGluBackward& op, const InferContext& c) {
  const ValueType& x = c.type(op.x);
  if (c.type(op.dy).placement != x.placement) c.fail("dy and x lie differently");
  if (op.weights.id != kNoValue) c.per_token(x, c.type(op.weights));
  Placements of_weights = x.placement;
  for (Placement& placement : of_weights.of) {
    if (placement.is_split(1)) placement = kPartial;
  }
  return {x, {{x.shape[0]}, DType::f32, of_weights}};
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
