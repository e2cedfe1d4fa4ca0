#include "program/infer/rules.h"

namespace perfbench {

Types infer(const Quantize& op, const InferContext& c) {
  ValueType q = c.type(op.x);
  c.no_partial(q);
  if ((q.placement[Axis::tp].is_split(0) && !op.of_weight) != op.amax_over_tp) {
    c.fail("amax_over_tp must hold exactly where the rows are split over tp");
  }
  q.dtype = op.dtype;
  return {q, transposed(q), {{1}, DType::f32, c.per_axis([](Axis) { return kReplicated; })}};
}

Types infer(const CastWeight& op, const InferContext& c) {
  const ValueType& weight = c.type(op.weight);
  if (op.q.id != kNoValue && c.type(op.q).shape != weight.shape) c.fail("q is not shaped as the weight");
  if (op.q_t.id != kNoValue && c.type(op.q_t).shape != transposed(weight).shape) {
    c.fail("q_t is not shaped as the transposed weight");
  }
  return {};
}

}  // namespace perfbench
