#include "program/backward/rules.h"

namespace perfbench {

void backward(const AdapterUp& op, BackwardContext& c) {
  const ValueId dout = c.gradient(op.out);
  if (dout == kNoValue) return;
  c.give(op.base, dout);
  if (c.needed(op.h)) {
    const AdapterUpBackward back{.dout = {dout}, .b = op.b, .columns = op.columns, .scale = op.scale};
    c.give(op.h, c.emit(back, {"dh"}).dh.id);
  }
  if (!c.needed(op.b)) return;
  const AdapterWeightGrad grad{.dout = {dout}, .h = op.h, .columns = op.columns, .scale = op.scale};
  c.accumulate(op.b.id, c.emit(grad, {"db"}).db.id);
}

}  // namespace perfbench
