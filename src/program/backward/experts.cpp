#include "program/backward/rules.h"

namespace perfbench {

void backward(const Route& op, BackwardContext& c) {
  const ValueId dweights = c.gradient(op.weights);
  if (dweights == kNoValue || !c.needed(op.logits)) return;
  const RouteBackward back{.dweights = {dweights},
                           .logits = op.logits,
                           .numbers = op.numbers,
                           .choices = {op.choices.id},
                           .normalised = op.normalised,
                           .salt = op.salt};
  c.give(op.logits, c.emit(back, {"dlogits"}).dlogits.id);
}

void backward(const PlaceRows&, BackwardContext&) {}  // whole numbers have no gradient
void backward(const ShareCounts&, BackwardContext&) {}

void backward(const Permute& op, BackwardContext& c) {
  const ValueId drows = c.gradient(op.rows), dweights = c.gradient(op.row_weights);
  if (drows == kNoValue) return;
  Unpermute back{.rows = {drows}, .places = op.places, .row_weights = {dweights}};
  back = c.emit(back, {"dx", dweights != kNoValue ? "dweights" : nullptr});
  c.give(op.x, back.y.id);
  if (dweights != kNoValue) c.give(op.weights, back.weights.id);
}

void backward(const Unpermute& op, BackwardContext& c) {
  const ValueId dy = c.gradient(op.y);
  if (dy == kNoValue || !c.needed(op.rows)) return;
  const Permute back{.x = {dy}, .places = op.places, .num_rows = c.type(op.rows.id).shape[0]};
  c.give(op.rows, c.emit(back, {"drows", nullptr}).rows.id);
}

namespace {

// Of what carries rows with their weights and has another way back.
template <class OpType>
void carry_back(const OpType& op, BackwardContext& c) {
  const ValueId dout = c.gradient(op.out), dweights = c.gradient(op.out_weights);
  if (dout == kNoValue || !c.needed(op.x)) return;
  OpType back = op;
  back.x = {dout};
  back.weights = {dweights};
  back.out = back.out_weights = {};
  back.back = !op.back;
  back = c.emit(back, {"drows", dweights != kNoValue ? "drow_weights" : nullptr});
  c.give(op.x, back.out.id);
  if (dweights != kNoValue) c.give(op.weights, back.out_weights.id);
}

}  // namespace

void backward(const AllToAll& op, BackwardContext& c) { carry_back(op, c); }
void backward(const Regroup& op, BackwardContext& c) { carry_back(op, c); }

void backward(const GroupedMatmul& op, BackwardContext& c) {
  const ValueId dy = c.gradient(op.out);
  if (dy == kNoValue) return;
  const Value& b = c[op.b.id];
  const ValueId weight = b.state == StateKind::weight ? op.b.id : b.weight;
  const bool fp8 = b.type.dtype == DType::f8e4m3;
  const bool wants_weight = c[weight].trainable;
  const std::int64_t experts = b.type.shape[0];

  BackwardContext::Gradient8 dy8{.q = dy};
  if (fp8) dy8 = c.quantize_gradient(dy, c.policy().fp8_transposes && wants_weight);
  if (c.needed(op.a)) {
    const ValueId cast = c.transposed_cast(weight);
    const bool transposed = fp8 && cast != kNoValue;
    GroupedMatmul dgrad{.a = {dy8.q}, .b = op.b, .scale_a = {dy8.scale}, .scale_b = op.scale_b, .counts = op.counts};
    dgrad.transpose_b = transposed;
    if (transposed) dgrad.b = {cast};
    c.give(op.a, c.emit(dgrad, {"dx"}).out.id);
  }
  if (!wants_weight) return;
  GroupedWeightGrad wgrad{
      .dy = {dy8.q}, .x = op.a, .scale_dy = {dy8.scale}, .scale_x = op.scale_a, .counts = op.counts};
  wgrad.experts = experts;
  if (fp8 && c.policy().fp8_transposes) {
    wgrad.dy = {dy8.q_t};
    wgrad.x = {c.saved_transposed(op.a.id, op.a.id)};
    wgrad.transposed = true;
  }
  c.accumulate(weight, c.emit(wgrad, {"dw"}).dw.id);
}

}  // namespace perfbench
