#include "program/backward/rules.h"
#include "program/infer.h"

namespace perfbench {

void backward(const AllGather& op, BackwardContext& c) {
  const ValueId dout = c.gradient(op.out, true);
  if (dout == kNoValue || !c.needed(op.x)) return;
  if (!c.type(dout).placement[op.axis].is_partial()) {
    throw ProgramError("all_gather: the gradient of what it gathers is no partial sum");
  }
  c.give(op.x, c.emit(ReduceScatter{.x = {dout}, .counts = op.counts, .axis = op.axis}, {"dx"}).out.id);
}

void backward(const ReduceScatter& op, BackwardContext& c) {
  const ValueId dout = c.gradient(op.out);
  if (dout == kNoValue || !c.needed(op.x)) return;
  c.give(op.x, c.emit(AllGather{.x = {dout}, .counts = op.counts, .axis = op.axis}, {"dy"}).out.id);
}

void backward(const AllReduce& op, BackwardContext& c) {
  const ValueId dout = c.gradient(op.out);
  if (dout != kNoValue) c.give(op.x, dout);
}

}  // namespace perfbench
