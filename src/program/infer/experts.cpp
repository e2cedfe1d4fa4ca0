#include <fmt/format.h>

#include "program/infer/rules.h"

namespace perfbench {
namespace {

// Each rank of the stage has rows of its own: of what several have, every one would be sent to the experts.
void own_rows(const InferContext& c, View view, const ValueType& x) {
  for (Axis axis : kAxes) {
    if (view_of(axis) != view || c.program().mesh.size[axis] == 1 || x.placement[axis].is_split(0)) continue;
    c.fail(axis, "several ranks have the same rows: " + to_string(x));
  }
}

// Rows of every rank of the view's own.
Placements rows_of(const InferContext& c, View view, bool uneven) {
  return c.per_axis([&](Axis axis) {
    if (view_of(axis) != view) return kReplicated;
    return axis == Axis::ep && uneven ? uneven_split(0) : split(0);
  });
}

// One number a row, for the rows that x has.
ValueType numbers(const ValueType& x, DType dtype, Placements placement) { return {{x.shape[0]}, dtype, placement}; }

void row_numbers(const InferContext& c, const ValueType& x, In weights) {
  if (weights.id != kNoValue) c.per_token(x, c.type(weights));
}

std::int64_t sources(const Mesh& mesh) { return std::int64_t{mesh.size[Axis::etp]} * mesh.size[Axis::ep]; }

// What every rank of ep x etp has, or nothing.
void counts_fit(const InferContext& c, const ValueType& rows, In counts) {
  c.counted(rows, counts);
  if (counts.id == kNoValue) return;
  const ValueType& type = c.type(counts);
  if (type.shape.rank != 2 || type.shape[0] != sources(c.program().mesh)) {
    c.fail("not one line of counts for each rank of ep x etp: " + to_string(type));
  }
}

// Which rows of `choices` are whose places, and as many of each.
void choices_fit(const InferContext& c, const ValueType& x, const ValueType& choices) {
  c.rowwise(choices);
  if (choices.shape[0] != x.shape[0] || choices.placement != x.placement) {
    c.fail(fmt::format("{} does not lie as the rows of {}", to_string(choices), to_string(x)));
  }
}

ValueType turned(const InferContext& c, const AllToAll& op, ValueType x) {
  const bool uneven = op.counts.id != kNoValue && !op.back;
  x.placement = rows_of(c, op.back ? View::dense : View::expert, uneven);
  return x;
}

// Over `axis`, of rows (R, K) and one matrix for each expert, whose dims 1 and 2 are an outer and an inner one.
Placement grouped_product(const InferContext& c, Axis axis, const ValueType& a, const ValueType& b, int b_outer) {
  const Placement &pa = a.placement[axis], &pb = b.placement[axis];
  const bool experts = pb.is_split(0) && pa.is_split(0);  // each rank has its own
  if (experts || (pb.is_replicated() && !pa.is_split(1))) return pa;
  if (pa.is_replicated() && pb.is_split(b_outer)) return split(1);
  if (pa.is_split(1) && pb.is_split(3 - b_outer)) return kPartial;
  c.fail(axis, fmt::format("{} and {} do not go together", to_string(a), to_string(b)));
}

ValueType grouped_weight_grad(const InferContext& c, const auto& op, std::int64_t experts) {
  const ValueType dy = op.transposed ? transposed(c.type(op.dy)) : c.type(op.dy);
  const ValueType x = op.transposed ? transposed(c.type(op.x)) : c.type(op.x);
  counts_fit(c, dy, op.counts);
  c.counted(x, op.counts);
  if (dy.shape[0] != x.shape[0]) c.fail(fmt::format("rows differ: {} and {}", to_string(dy), to_string(x)));
  const Placements placement = c.per_axis([&](Axis axis) {
    const Placement &left = dy.placement[axis], &right = x.placement[axis];
    if (left.is_split(0) && right.is_split(0)) return axis == Axis::ep ? split(0) : kPartial;
    if (left.is_replicated() && right.is_replicated()) return kReplicated;
    if (left.is_split(1) && right.is_replicated()) return split(1);
    if (left.is_replicated() && right.is_split(1)) return split(2);
    c.fail(axis, fmt::format("{} and {} do not go together", to_string(dy), to_string(x)));
  });
  const DType dtype = size_bytes(dy.dtype) == 1 ? DType::bf16 : dy.dtype;
  return {{experts, dy.shape[1], x.shape[1]}, dtype, placement};
}

}  // namespace

Types infer(const Route& op, const InferContext& c) {
  const ValueType& logits = c.type(op.logits);
  c.rowwise(logits);
  if (op.numbers.id != kNoValue) c.per_token(logits, c.type(op.numbers));
  if (op.top_k < 1 || op.top_k > logits.shape[1]) {
    c.fail(fmt::format("chooses {} of {} experts", op.top_k, logits.shape[1]));
  }
  const Shape chosen{logits.shape[0], op.top_k};
  return {{chosen, DType::i64, logits.placement}, {chosen, DType::f32, logits.placement}};
}

Types infer(const RouteBackward& op, const InferContext& c) {
  const ValueType &logits = c.type(op.logits), &dweights = c.type(op.dweights);
  choices_fit(c, logits, c.type(op.choices));
  choices_fit(c, logits, dweights);
  if (dweights.shape != c.type(op.choices).shape) c.fail("not one gradient a choice: " + to_string(dweights));
  return {logits};
}

Types infer(const PlaceRows& op, const InferContext& c) {
  const ValueType& choices = c.type(op.choices);
  c.rowwise(choices);
  own_rows(c, View::dense, choices);
  const bool weighed = op.weights.id != kNoValue;
  if (weighed != (op.capacity > 0)) c.fail("weights say what is dropped, where an expert has a capacity");
  if (weighed) choices_fit(c, choices, c.type(op.weights));
  return {choices, {{1, op.experts}, DType::i64, choices.placement}};
}

Types infer(const ShareCounts& op, const InferContext& c) {
  const ValueType& counts = c.type(op.counts);
  own_rows(c, View::dense, counts);
  if (counts.shape[0] != 1) c.fail("not one line of counts: " + to_string(counts));
  const Placements placement = c.per_axis([](Axis axis) { return axis == Axis::edp ? split(0) : kReplicated; });
  return {{{sources(c.program().mesh), counts.shape[1]}, counts.dtype, placement}};
}

Types infer(const Permute& op, const InferContext& c) {
  const ValueType &x = c.type(op.x), &places = c.type(op.places);
  c.rowwise(x);
  choices_fit(c, x, places);
  if (op.weights.id != kNoValue && c.type(op.weights).shape != places.shape) c.fail("not one weight a choice");
  const ValueType rows{{op.num_rows, x.shape[1]}, x.dtype, x.placement};
  return {rows, numbers(rows, DType::f32, x.placement)};
}

Types infer(const Unpermute& op, const InferContext& c) {
  const ValueType &rows = c.type(op.rows), &places = c.type(op.places);
  c.rowwise(rows);
  row_numbers(c, rows, op.row_weights);
  if (rows.placement != places.placement) {
    c.fail(fmt::format("{} does not lie as {}", to_string(rows), to_string(places)));
  }
  return {{{places.shape[0], rows.shape[1]}, rows.dtype, rows.placement}, {places.shape, DType::f32, places.placement}};
}

Types infer(const AllToAll& op, const InferContext& c) {
  const ValueType& x = c.type(op.x);
  c.rowwise(x);
  own_rows(c, op.back ? View::expert : View::dense, x);
  row_numbers(c, x, op.weights);
  counts_fit(c, x, op.counts);
  const ValueType out = turned(c, op, x);
  return {out, numbers(out, DType::f32, out.placement)};
}

Types infer(const Regroup& op, const InferContext& c) {
  const ValueType& x = c.type(op.x);
  row_numbers(c, x, op.weights);
  counts_fit(c, x, op.counts);
  if (op.sources != sources(c.program().mesh)) c.fail(fmt::format("rows of {} ranks", op.sources));
  return {x, numbers(x, DType::f32, x.placement)};
}

Types infer(const GroupedMatmul& op, const InferContext& c) {
  const ValueType &a = c.type(op.a), &b = c.type(op.b);
  const int outer = op.transpose_b ? 1 : 2;
  c.no_partial(a);
  counts_fit(c, a, op.counts);
  if (b.shape.rank != 3 || a.shape[1] != b.shape[3 - outer]) {
    c.fail(fmt::format("inner dims differ: {} and {}", to_string(a), to_string(b)));
  }
  if (size_bytes(a.dtype) != size_bytes(b.dtype)) c.fail("operands of different precision");
  const Placements placement = c.per_axis([&](Axis axis) { return grouped_product(c, axis, a, b, outer); });
  return {{{a.shape[0], b.shape[outer]}, size_bytes(a.dtype) == 1 ? DType::bf16 : a.dtype, placement}};
}

Types infer(const GroupedWeightGrad& op, const InferContext& c) { return {grouped_weight_grad(c, op, op.experts)}; }

Types infer(const GroupedWeightGradAccumulate& op, const InferContext& c) {
  c.grad_fits(grouped_weight_grad(c, op, c.type(op.main_grad).shape[0]), op.main_grad);
  return {};
}

}  // namespace perfbench
