#include "program/infer/rules.h"

namespace perfbench {

Types infer(const Embedding& op, const InferContext& c) {
  const ValueType &tokens = c.type(op.tokens), &weight = c.type(op.weight);
  Placements placement = c.per_axis([&](Axis axis) {
    if (!weight.placement[axis].is_split(0)) return tokens.placement[axis];
    if (axis != op.axis) c.fail(axis, "the vocabulary is split over an axis that it does not name");
    if (!tokens.placement[axis].is_replicated()) c.fail(axis, "tokens and vocabulary are both split");
    return kPartial;
  });
  return {{{tokens.shape[0], weight.shape[1]}, weight.dtype, placement}};
}

Types infer(const EmbeddingBackward& op, const InferContext& c) {
  const ValueType &dout = c.type(op.dout), &weight = c.type(op.weight);
  Placements placement = c.per_axis([&](Axis axis) {
    if (dout.placement[axis].is_partial()) c.fail(axis, "the gradient is a partial sum");
    if (dout.placement[axis].is_split(0)) return kPartial;
    return weight.placement[axis];
  });
  return {{weight.shape, dout.dtype, placement}};
}

Types infer(const CrossEntropy& op, const InferContext& c) {
  const ValueType& logits = c.type(op.logits);
  c.no_partial(logits);
  if (logits.placement[op.axis].is_split(0)) c.fail(op.axis, "rows are split: " + to_string(logits));
  Placements rows = c.per_axis([&](Axis axis) { return axis == op.axis ? kReplicated : logits.placement[axis]; });
  Placements sum = c.per_axis([&](Axis axis) { return rows[axis].is_split(0) ? kPartial : rows[axis]; });
  if (op.eager) return {{{1}, DType::f32, sum}, {logits.shape, DType::f32, logits.placement}};
  return {{{1}, DType::f32, sum}, {{logits.shape[0]}, DType::f32, rows}};
}

Types infer(const CrossEntropyBackward& op, const InferContext& c) { return {c.type(op.logits)}; }

}  // namespace perfbench
