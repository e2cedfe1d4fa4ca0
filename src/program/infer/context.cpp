#include "program/infer/context.h"

#include <fmt/format.h>

#include <utility>

#include "program/infer.h"

namespace perfbench {

void InferContext::fail(std::string_view rule) const { throw ProgramError(fmt::format("{}: {}", op_, rule)); }

void InferContext::fail(Axis axis, std::string_view rule) const {
  throw ProgramError(fmt::format("{}: on axis {}: {}", op_, name(axis), rule));
}

void InferContext::no_partial(const ValueType& x) const {
  for (Axis axis : kAxes) {
    if (x.placement[axis].is_partial()) fail(axis, "the input is a partial sum: " + to_string(x));
  }
}

void InferContext::rowwise(const ValueType& x) const {
  no_partial(x);
  for (Axis axis : kAxes) {
    if (x.placement[axis].is_split(1)) fail(axis, "rows are split: " + to_string(x));
  }
}

void InferContext::same(const ValueType& a, const ValueType& b) const {
  if (a != b) fail(fmt::format("operands differ: {} and {}", to_string(a), to_string(b)));
}

void InferContext::packed(const ValueType& qkv, const Heads& heads) const {
  no_partial(qkv);
  if (qkv.shape[1] != heads.packed_width()) fail("the packed q|k|v is not as wide as the heads: " + to_string(qkv));
}

void InferContext::per_token(const ValueType& rows, const ValueType& numbers) const {
  if (numbers.shape != Shape{rows.shape[0]}) fail("not one number a token: " + to_string(numbers));
  for (Axis axis : kAxes) {
    if (rows.placement[axis].is_split(0) != numbers.placement[axis].is_split(0)) {
      fail(axis, fmt::format("{} does not lie as the rows of {}", to_string(numbers), to_string(rows)));
    }
  }
}

void InferContext::bias(const ValueType& x, const ValueType& b) const {
  no_partial(x);
  if (b.shape != Shape{x.shape[1]}) fail("the bias is not as wide as the rows");
  for (Axis axis : kAxes) {
    if (x.placement[axis].is_split(1) != b.placement[axis].is_split(0)) {
      fail(axis, fmt::format("the bias {} does not lie as the columns of {}", to_string(b), to_string(x)));
    }
  }
}

void InferContext::counted(const ValueType& rows, In counts) const {
  if (rows.uneven() && counts.id == kNoValue) fail("no counts say how many rows there are: " + to_string(rows));
}

void InferContext::grad_fits(const ValueType& dw, InOut main_grad) const {
  const Value& state = program_[main_grad.id];
  if (state.state != StateKind::main_grad) fail("the target is no main gradient");
  if (dw.shape != state.type.shape) fail(fmt::format("{} does not fit {}", to_string(dw), to_string(state.type)));
  if (dw.placement != state.type.placement) {
    fail(fmt::format("{} lies otherwise than the main gradient {}", to_string(dw), to_string(state.type)));
  }
}

Types InferContext::bucket(const InOutList& list, StateKind kind) const {
  if (list.empty()) fail("an empty list of states");
  for (InOut state : list) {
    if (program_[state.id].state != kind) fail("a state of another kind");
  }
  return {};
}

Placement InferContext::product(Axis axis, const ValueType& a, int a_outer, const ValueType& b, int b_outer) const {
  const Placement &pa = a.placement[axis], &pb = b.placement[axis];
  if (pa.is_replicated() && pb.is_replicated()) return kReplicated;
  if (pa.is_split(a_outer) && pb.is_replicated()) return split(0);
  if (pa.is_replicated() && pb.is_split(b_outer)) return split(1);
  if (pa.is_split(1 - a_outer) && pb.is_split(1 - b_outer)) return kPartial;
  fail(axis, fmt::format("{} and {} do not go together", to_string(a), to_string(b)));
}

ValueType transposed(ValueType type) {
  const int row = type.shape.rank - 2, column = row + 1;
  std::swap(type.shape.dims[static_cast<std::size_t>(row)], type.shape.dims[static_cast<std::size_t>(column)]);
  for (Placement& placement : type.placement.of) {
    if (placement.is_split() && placement.dim >= row) {
      placement.dim = static_cast<std::int8_t>(row + column - placement.dim);
    }
  }
  return type;
}

}  // namespace perfbench
