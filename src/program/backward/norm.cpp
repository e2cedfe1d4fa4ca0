#include "program/backward/rules.h"

namespace perfbench {

void backward(const RmsNorm& op, BackwardContext& c) {
  const ValueId dy = c.gradient(op.y);
  if (dy == kNoValue) return;
  RmsNormBackward back{.dy = {dy}, .sum = op.x, .weight = op.weight, .rstd = {op.rstd.id}};
  if (op.sum.id != kNoValue) {
    back.sum = {op.sum.id};
    back.dsum = {c.gradient(op.sum)};
  }
  back = c.emit(back, {"dx", c.needed(op.weight) ? "dw" : nullptr});
  c.give(op.x, back.dx.id);
  c.give(op.residual, back.dx.id);
  if (back.dw.id != kNoValue) c.accumulate(op.weight.id, back.dw.id);
}

void backward(const LayerNorm& op, BackwardContext& c) {
  const ValueId dy = c.gradient(op.y);
  if (dy == kNoValue) return;
  LayerNormBackward back{.dy = {dy}, .sum = op.x, .weight = op.weight, .mean = {op.mean.id}, .rstd = {op.rstd.id}};
  back.weight_offset = op.weight_offset;
  if (op.sum.id != kNoValue) {
    back.sum = {op.sum.id};
    back.dsum = {c.gradient(op.sum)};
  }
  back = c.emit(back, {"dx", c.needed(op.weight) ? "dw" : nullptr, c.needed(op.bias) ? "db" : nullptr});
  c.give(op.x, back.dx.id);
  c.give(op.residual, back.dx.id);
  if (back.dw.id != kNoValue) c.accumulate(op.weight.id, back.dw.id);
  if (back.db.id != kNoValue) c.accumulate(op.bias.id, back.db.id);
}

void backward(const QkNorm& op, BackwardContext& c) {
  const ValueId dout = c.gradient(op.out);
  if (dout == kNoValue) return;
  QkNormBackward back{.dout = {dout},
                      .qkv = op.qkv,
                      .q_weight = op.q_weight,
                      .k_weight = op.k_weight,
                      .rstd = {op.rstd.id},
                      .heads = op.heads};
  const bool trains = c.needed(op.q_weight);
  back = c.emit(back, {"dqkv", trains ? "dq_weight" : nullptr, trains ? "dk_weight" : nullptr});
  c.give(op.qkv, back.dqkv.id);
  if (!trains) return;
  c.accumulate(op.q_weight.id, back.dq_weight.id);
  c.accumulate(op.k_weight.id, back.dk_weight.id);
}

}  // namespace perfbench
