#include <fmt/format.h>

#include "program/infer/rules.h"

namespace perfbench {

Types infer(const GatherParams& op, const InferContext& c) { return c.bucket(op.weights, StateKind::weight); }

Types infer(const GatherShards& op, const InferContext& c) {
  const std::size_t count = op.shards.size();
  if (count == 0 || (op.kept.empty() ? op.weights.size() != count : op.kept.size() != count || !op.weights.empty())) {
    c.fail("not one result a weight");
  }
  Types whole;
  for (std::size_t i = 0; i < count; ++i) {
    const Value& weight = c.program()[op.shards[i].id];
    if (weight.state != StateKind::weight || !weight.sharded) c.fail("a value that is no shard");
    ValueType type = weight.type;
    if (type.dtype != op.dtype && type.dtype != DType::f32) c.fail("a share that is neither float32 nor what travels");
    type.dtype = op.dtype;
    if (op.kept.empty()) {
      whole.push_back(type);
    } else if (c.type(op.kept[i]) != type) {
      c.fail("a weight and its whole copy differ");
    }
  }
  return whole;
}

Types infer(const ScatterGrads& op, const InferContext& c) {
  if (op.dws.size() != op.main_grads.size()) c.fail("not one main gradient a weight gradient");
  for (std::size_t i = 0; i < op.dws.size(); ++i) {
    c.grad_fits(c.type(op.dws[i]), op.main_grads[i]);
    if (!c.program()[op.main_grads[i].id].sharded) c.fail("a main gradient that is no shard");
  }
  return c.bucket(op.main_grads, StateKind::main_grad);
}

Types infer(const ReduceGrads& op, const InferContext& c) { return c.bucket(op.main_grads, StateKind::main_grad); }

Types infer(const ReduceShares& op, const InferContext& c) { return c.bucket(op.main_grads, StateKind::main_grad); }

Types infer(const ReducePartialGrads& op, const InferContext& c) {
  for (InOut grad : op.main_grads) {
    if (!c.program().type(grad.id).placement[op.axis].is_partial()) {
      c.fail(op.axis, "a main gradient is no partial sum");
    }
  }
  return c.bucket(op.main_grads, StateKind::main_grad);
}

Types infer(const ReduceCopiedRows& op, const InferContext& c) {
  const bool in_place = op.main_grad.id != kNoValue;
  if (in_place == (op.dw.id != kNoValue)) c.fail("either a gradient or a main gradient is summed");
  if (in_place) c.bucket({op.main_grad}, StateKind::main_grad);
  const ValueType& type = in_place ? c.type(op.main_grad) : c.type(op.dw);
  if (op.first_row < 0 || op.rows <= 0 || op.first_row + op.rows > type.shape[0]) {
    c.fail(fmt::format("rows {} to {} of {}", op.first_row, op.first_row + op.rows, to_string(type)));
  }
  return {type};
}

Types infer(const ReduceSharedGrads& op, const InferContext& c) {
  return c.bucket(op.main_grads, StateKind::main_grad);
}

}  // namespace perfbench
