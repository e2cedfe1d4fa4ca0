#include "program/builder.h"

namespace perfbench {

ValueId Builder::add(Value value) {
  program_.values.push_back(value);
  return static_cast<ValueId>(program_.values.size() - 1);
}

namespace {

// Tokens differ between dp ranks; an axis of one rank holds everything.
PerAxis<Placement> token_placement(const Program& program, Placement over_tp) {
  PerAxis<Placement> placement;
  if (program.axis_size[Axis::dp] > 1) placement[Axis::dp] = split(0);
  if (program.axis_size[Axis::tp] > 1) placement[Axis::tp] = over_tp;
  return placement;
}

}  // namespace

ValueId Builder::data(const char* name, Shape shape) {
  ValueType type{.shape = shape, .dtype = DType::i64, .placement = token_placement(program_, kReplicated)};
  return add({.name = name, .role = Role::data, .type = type});
}

ValueId Builder::boundary(const char* name, Shape shape) {
  const Placement over_tp = policy_.sequence_parallel ? split(0) : kReplicated;
  ValueType type{.shape = shape, .dtype = DType::bf16, .placement = token_placement(program_, over_tp)};
  return add({.name = name, .role = Role::boundary, .type = type});
}

ValueId Builder::weight(const char* name, Shape shape, Placement over_tp, DType dtype) {
  ValueType type{.shape = shape, .dtype = dtype, .placement = {}};
  if (program_.axis_size[Axis::tp] > 1) type.placement[Axis::tp] = over_tp;
  return add({.name = name, .layer = layer_, .role = Role::state, .type = type, .state = StateKind::weight});
}

ValueId Builder::gather_seq(ValueId x) {
  if (!policy_.sequence_parallel) return x;
  return emit(AllGather{.x = {x}}, {program_[x].name}).out.id;
}

ValueId Builder::scatter_seq(ValueId partial, const char* name) {
  if (program_.axis_size[Axis::tp] == 1) return partial;
  if (policy_.sequence_parallel) return emit(ReduceScatter{.x = {partial}}, {name}).out.id;
  return emit(AllReduce{.x = {partial}}, {name}).out.id;
}

ValueId Builder::quantize_input(ValueId x, bool with_transpose) {
  const bool rows_split = program_.type(x).placement[Axis::tp].is_split(0);
  const char* transposed = with_transpose ? "x8_t" : nullptr;
  return emit(Quantize{.x = {x}, .amax_over_tp = rows_split}, {"x8", transposed, "scale"}).q.id;
}

ValueId Builder::linear_weight(const char* name, Shape shape, Placement over_tp) {
  if (!policy_.fp8) return weight(name, shape, over_tp);
  const ValueId id = weight(name, shape, over_tp, policy_.fp8_held ? DType::f8e4m3 : DType::bf16);
  program_[id].fp8_held = policy_.fp8_held;

  CastWeight cast{.weight = {id}};
  Value copy = program_[id];
  copy.weight = id;
  copy.type.dtype = DType::f8e4m3;
  if (!policy_.fp8_held) {
    copy.state = StateKind::cast;
    cast.q.id = add(copy);
  }
  if (policy_.fp8_transposes) {
    copy.state = StateKind::cast_transposed;
    std::swap(copy.type.shape.dims[0], copy.type.shape.dims[1]);
    Placement& placement = copy.type.placement[Axis::tp];
    if (placement.is_split()) placement = split(1 - placement.dim);
    cast.q_t.id = add(copy);
  }
  if (cast.q.id != kNoValue || cast.q_t.id != kNoValue) emit(cast, {}, When::first_microbatch);
  return cast.q.id != kNoValue ? cast.q.id : id;
}

ValueId Builder::column_linear(ValueId x, const char* weight_name, std::int64_t features, const char* out_name) {
  const std::int64_t width = program_.type(x).shape[1];
  const ValueId w = linear_weight(weight_name, {features, width}, split(0));
  // What is gathered again in the backward is transposed there; what is saved is saved transposed.
  const bool save_transposed = policy_.fp8_transposes && !policy_.sequence_parallel;
  const ValueId whole = gather_seq(policy_.fp8 ? quantize_input(x, save_transposed) : x);
  return emit(Matmul{.a = {whole}, .b = {w}}, {out_name}).out.id;
}

ValueId Builder::row_linear(ValueId x, const char* weight_name, std::int64_t features, const char* out_name) {
  const std::int64_t width = program_.type(x).shape[1];
  const ValueId w = linear_weight(weight_name, {features, width}, split(1));
  const ValueId a = policy_.fp8 ? quantize_input(x, policy_.fp8_transposes) : x;
  const ValueId partial = emit(Matmul{.a = {a}, .b = {w}}, {out_name}).out.id;
  return scatter_seq(partial, out_name);
}

}  // namespace perfbench
