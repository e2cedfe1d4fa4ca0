#include <fmt/format.h>

#include "program/infer/rules.h"

namespace perfbench {
namespace {

// FP8 products come out in BF16.
DType result_dtype(DType operand) { return size_bytes(operand) == 1 ? DType::bf16 : operand; }

// a b^T, or a b.
ValueType matmul(const InferContext& c, const ValueType& a, const ValueType& b, bool transpose_b) {
  const int b_inner = transpose_b ? 1 : 0, b_outer = 1 - b_inner;
  if (a.shape[1] != b.shape[b_inner]) {
    c.fail(fmt::format("inner dims differ: {} and {}", to_string(a), to_string(b)));
  }
  if (size_bytes(a.dtype) != size_bytes(b.dtype)) c.fail("operands of different precision");
  Placements placement = c.per_axis([&](Axis axis) { return c.product(axis, a, 0, b, b_outer); });
  return {{a.shape[0], b.shape[b_outer]}, result_dtype(a.dtype), placement};
}

ValueType weight_grad(const InferContext& c, In dy, In x, bool is_transposed) {
  const ValueType left = is_transposed ? transposed(c.type(dy)) : c.type(dy);
  const ValueType right = is_transposed ? transposed(c.type(x)) : c.type(x);
  if (left.shape[0] != right.shape[0]) {
    c.fail(fmt::format("token counts differ: {} and {}", to_string(left), to_string(right)));
  }
  Placements placement = c.per_axis([&](Axis axis) { return c.product(axis, left, 1, right, 1); });
  return {{left.shape[1], right.shape[1]}, result_dtype(left.dtype), placement};
}

}  // namespace

Types infer(const Matmul& op, const InferContext& c) {
  const ValueType out = matmul(c, c.type(op.a), c.type(op.b), op.transpose_b);
  if (op.bias.id != kNoValue) c.bias(out, c.type(op.bias));
  return {out};
}

Types infer(const AddMatmul& op, const InferContext& c) {
  const ValueType out = matmul(c, c.type(op.a), c.type(op.b), op.transpose_b);
  c.same(out, c.type(op.c));
  return {out};
}

Types infer(const WeightGrad& op, const InferContext& c) { return {weight_grad(c, op.dy, op.x, op.transposed)}; }

Types infer(const WeightGradAccumulate& op, const InferContext& c) {
  c.grad_fits(weight_grad(c, op.dy, op.x, op.transposed), op.main_grad);
  return {};
}

Types infer(const AddBias& op, const InferContext& c) {
  c.bias(c.type(op.x), c.type(op.bias));
  return {c.type(op.x)};
}

Types infer(const BiasGrad& op, const InferContext& c) {
  const ValueType& dy = c.type(op.dy);
  c.no_partial(dy);
  Placements placement = c.per_axis([&](Axis axis) {
    if (dy.placement[axis].is_split(0)) return kPartial;
    return dy.placement[axis].is_split(1) ? split(0) : kReplicated;
  });
  return {{{dy.shape[1]}, dy.dtype, placement}};
}

Types infer(const Accumulate& op, const InferContext& c) {
  c.grad_fits(c.type(op.dw), op.main_grad);
  return {};
}

Types infer(const Add& op, const InferContext& c) {
  c.same(c.type(op.a), c.type(op.b));
  return {c.type(op.a)};
}

Types infer(const Transpose& op, const InferContext& c) { return {transposed(c.type(op.x))}; }

}  // namespace perfbench
