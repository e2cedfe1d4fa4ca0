#include "program/infer/rules.h"

namespace perfbench {

Types infer(const RmsNorm& op, const InferContext& c) {
  const ValueType& x = c.type(op.x);
  c.rowwise(x);
  if (op.residual.id != kNoValue) c.same(x, c.type(op.residual));
  if (c.type(op.weight).shape != Shape{x.shape[1]}) c.fail("the weight is not as wide as the rows");
  return {x, x, {{x.shape[0]}, DType::f32, x.placement}};
}

Types infer(const RmsNormBackward& op, const InferContext& c) {
  const ValueType &dy = c.type(op.dy), &weight = c.type(op.weight);
  c.rowwise(dy);
  c.same(dy, c.type(op.sum));
  if (op.dsum.id != kNoValue) c.same(dy, c.type(op.dsum));
  Placements placement = c.per_axis([&](Axis axis) { return dy.placement[axis].is_split(0) ? kPartial : kReplicated; });
  return {dy, {weight.shape, dy.dtype, placement}};
}

Types infer(const LayerNorm& op, const InferContext& c) {
  const ValueType& x = c.type(op.x);
  c.rowwise(x);
  if (op.residual.id != kNoValue) c.same(x, c.type(op.residual));
  for (In parameter : {op.weight, op.bias}) {
    if (c.type(parameter).shape != Shape{x.shape[1]}) c.fail("a weight is not as wide as the rows");
  }
  const ValueType per_row{{x.shape[0]}, DType::f32, x.placement};
  return {x, x, per_row, per_row};
}

Types infer(const LayerNormBackward& op, const InferContext& c) {
  const ValueType& dy = c.type(op.dy);
  c.rowwise(dy);
  c.same(dy, c.type(op.sum));
  if (op.dsum.id != kNoValue) c.same(dy, c.type(op.dsum));
  Placements placement = c.per_axis([&](Axis axis) { return dy.placement[axis].is_split(0) ? kPartial : kReplicated; });
  const ValueType parameter{c.type(op.weight).shape, dy.dtype, placement};
  return {dy, parameter, parameter};
}

Types infer(const QkNorm& op, const InferContext& c) {
  const ValueType& qkv = c.type(op.qkv);
  c.packed(qkv, op.heads);
  for (In weight : {op.q_weight, op.k_weight}) {
    if (c.type(weight).shape != Shape{op.heads.head_dim}) c.fail("a weight is not as wide as a head");
  }
  return {qkv, {{qkv.shape[0], op.heads.heads + op.heads.kv_heads}, DType::f32, qkv.placement}};
}

// One weight serves all heads: split tokens and split heads alike leave a partial sum.
Types infer(const QkNormBackward& op, const InferContext& c) {
  const ValueType& dout = c.type(op.dout);
  c.packed(dout, op.heads);
  c.same(dout, c.type(op.qkv));
  Placements placement =
      c.per_axis([&](Axis axis) { return dout.placement[axis].is_split() ? kPartial : kReplicated; });
  const ValueType weight{{op.heads.head_dim}, dout.dtype, placement};
  return {dout, weight, weight};
}

}  // namespace perfbench
