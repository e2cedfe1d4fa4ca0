#include "program/backward/rules.h"

namespace perfbench {

void backward(const Rope& op, BackwardContext& c) {
  const ValueId dout = c.gradient(op.out);
  if (dout == kNoValue || !c.needed(op.qkv)) return;
  Rope back = op;
  back.qkv = {dout};
  back.inverse = !op.inverse;
  c.give(op.qkv, c.emit(back, {"dqkv"}).out.id);
}

void backward(const Attention& op, BackwardContext& c) {
  const ValueId dout = c.gradient(op.out);
  if (dout == kNoValue || !c.needed(op.qkv)) return;
  AttentionBackward back{.dout = {dout},
                         .qkv = op.qkv,
                         .starts = op.starts,
                         .out = {op.out.id},
                         .lse = {op.lse.id},
                         .heads = op.heads,
                         .batch = op.batch,
                         .seq = op.seq,
                         .causal = op.causal,
                         .attended = op.attended};
  c.give(op.qkv, c.emit(back, {"dqkv"}).dqkv.id);
}

}  // namespace perfbench
