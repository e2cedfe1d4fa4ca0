#include "program/backward/rules.h"

namespace perfbench {

void backward(const Matmul& op, BackwardContext& c) {
  ValueId dy = c.gradient(op.out);
  if (dy == kNoValue) return;
  const Value& b = c[op.b.id];
  const ValueId weight = b.state == StateKind::weight ? op.b.id : b.weight;
  const bool fp8 = b.type.dtype == DType::f8e4m3;
  const bool wants_weight = c[weight].trainable;

  if (op.bias.id != kNoValue) c.bias_grad(op.bias, dy);
  BackwardContext::Gradient8 dy8{.q = dy};
  if (fp8) dy8 = c.quantize_gradient(dy, c.policy().fp8_transposes && wants_weight);
  const ValueId x = wants_weight ? c.saved(op.a.id) : kNoValue;  // issued early: it runs beside the product
  if (c.needed(op.a)) {
    const ValueId cast = c.transposed_cast(weight);
    const bool transposed = fp8 && cast != kNoValue;
    Matmul dgrad{.a = {dy8.q}, .b = op.b, .scale_a = {dy8.scale}, .scale_b = op.scale_b, .transpose_b = transposed};
    if (transposed) dgrad.b = {cast};
    c.give(op.a, c.emit(dgrad, {"dx"}).out.id);
  }
  if (!wants_weight) return;
  WeightGrad wgrad{.dy = {dy8.q}, .x = {x}, .scale_dy = {dy8.scale}, .scale_x = op.scale_a};
  if (fp8 && c.policy().fp8_transposes) {
    wgrad.dy = {dy8.q_t};
    wgrad.x = {c.saved_transposed(op.a.id, x)};
    wgrad.transposed = true;
  }
  c.accumulate(weight, c.emit(wgrad, {"dw"}).dw.id);
}

void backward(const AddBias& op, BackwardContext& c) {
  const ValueId dout = c.gradient(op.out);
  if (dout == kNoValue) return;
  c.bias_grad(op.bias, dout);
  c.give(op.x, dout);
}

void backward(const Add& op, BackwardContext& c) {
  const ValueId dout = c.gradient(op.out);
  if (dout == kNoValue) return;
  c.give(op.a, dout);
  c.give(op.b, dout);
}

}  // namespace perfbench
