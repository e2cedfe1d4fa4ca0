#include "program/infer/rules.h"

namespace perfbench {

Types infer(const AllGather& op, const InferContext& c) {
  ValueType out = c.type(op.x);
  c.counted(out, op.counts);
  if (!out.placement[op.axis].is_split(0)) c.fail(op.axis, "the input is not split along dim 0");
  if (op.counts.id != kNoValue && op.axis != Axis::etp) c.fail(op.axis, "rows of experts are gathered over etp");
  out.placement[op.axis] = kReplicated;
  out.shape.dims[0] *= c.program().mesh.size[op.axis];
  return {out};
}

Types infer(const ReduceScatter& op, const InferContext& c) {
  ValueType out = c.type(op.x);
  c.counted(out, op.counts);
  if (!out.placement[op.axis].is_partial()) c.fail(op.axis, "the input is no partial sum");
  if (op.counts.id != kNoValue && op.axis != Axis::etp) c.fail(op.axis, "rows of experts are scattered over etp");
  if (out.shape[0] % c.program().mesh.size[op.axis] != 0) c.fail("dim 0 does not divide");
  out.placement[op.axis] = split(0);
  out.shape.dims[0] /= c.program().mesh.size[op.axis];
  return {out};
}

Types infer(const AllReduce& op, const InferContext& c) {
  ValueType out = c.type(op.x);
  if (!out.placement[op.axis].is_partial()) c.fail(op.axis, "the input is no partial sum");
  out.placement[op.axis] = kReplicated;
  return {out};
}

}  // namespace perfbench
