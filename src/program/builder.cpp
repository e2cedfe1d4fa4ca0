#include "program/builder.h"

#include <fmt/format.h>

#include "program/infer/context.h"

namespace perfbench {

std::int64_t Adapters::a_rows() const {
  std::int64_t rows = 0;
  for (const AdapterBlock& block : columns) rows += block.adapted ? rank : 0;
  return rows;
}

std::int64_t Adapters::b_rows() const {
  std::int64_t rows = 0;
  for (const AdapterBlock& block : columns) rows += block.adapted ? block.columns : 0;
  return rows;
}

ValueId Builder::add(Value value) {
  program_.values.push_back(value);
  return static_cast<ValueId>(program_.values.size() - 1);
}

namespace {

// Tokens differ between the ranks of dp and of cp; an axis of one rank holds everything.
PerAxis<Placement> token_placement(const Program& program, Placement over_tp) {
  PerAxis<Placement> placement;
  for (Axis axis : {Axis::dp, Axis::cp}) {
    if (program.mesh.size[axis] > 1) placement[axis] = split(0);
  }
  if (program.mesh.size[Axis::tp] > 1) placement[Axis::tp] = over_tp;
  return placement;
}

}  // namespace

ValueId Builder::data(Datum datum, Shape shape) {
  const DatumForm form = form_of(datum);
  if (const ValueId made = value_of(program_, datum); made != kNoValue) {
    if (program_.type(made).shape == shape) return made;
    throw ProgramError(fmt::format("{} is asked for with another shape", label(program_, made)));
  }
  ValueType type{.shape = shape, .dtype = form.dtype, .placement = {}};
  if (form.spread == Spread::tokens) type.placement = token_placement(program_, kReplicated);
  if (form.spread == Spread::stream) type.placement = stream_placement();
  program_.data.push_back({.datum = datum, .value = add({.name = form.name, .role = Role::data, .type = type})});
  return program_.data.back().value;
}

PerAxis<Placement> Builder::stream_placement() const {
  return token_placement(program_, policy_.sequence_parallel ? split(0) : kReplicated);
}

ValueId Builder::boundary(const char* name, Shape shape) {
  ValueType type{.shape = shape, .dtype = policy_.dtype, .placement = stream_placement()};
  return add({.name = name, .role = Role::boundary, .type = type});
}

ValueId Builder::weight(const char* name, Shape shape, Placement over_tp, const Pieces& pieces) {
  PerAxis<Placement> placement;
  if (program_.mesh.size[Axis::tp] > 1) placement[Axis::tp] = over_tp;
  return weight_of(View::dense, name, shape, placement, pieces);
}

ValueId Builder::weight_of(View view, const char* name, Shape shape, const PerAxis<Placement>& placement,
                           const Pieces& pieces) {
  const ValueType type{.shape = shape, .dtype = policy_.dtype, .placement = placement};
  Value value{.name = name, .layer = layer_, .role = Role::state, .type = type, .state = StateKind::weight};
  value.view = view;
  value.sources = {.first = static_cast<std::int32_t>(program_.sources.size()),
                   .count = static_cast<std::int32_t>(pieces.size())};
  program_.sources.insert(program_.sources.end(), pieces.begin(), pieces.end());
  value.trainable = !policy_.adapters_only;
  return add(value);
}

ValueId Builder::adapter_weight(const char* name, Shape shape, Placement over_tp, const Pieces& pieces) {
  const ValueId id = weight(name, shape, over_tp, pieces);
  program_[id].trainable = true;
  return id;
}

ValueId Builder::gather_seq(ValueId x) {
  if (!policy_.sequence_parallel) return x;
  return emit(AllGather{.x = {x}}, {program_[x].name}).out.id;
}

ValueId Builder::scatter_seq(ValueId partial, const char* name) {
  if (program_.mesh.size[Axis::tp] == 1) return partial;
  if (policy_.sequence_parallel) return emit(ReduceScatter{.x = {partial}}, {name}).out.id;
  return emit(AllReduce{.x = {partial}}, {name}).out.id;
}

Builder::Operand8 Builder::quantize_input(ValueId x, bool with_transpose) {
  if (!policy_.fp8) return {.value = x};
  const bool rows_split = program_.type(x).placement[Axis::tp].is_split(0);
  const char* transposed = with_transpose ? "x8_t" : nullptr;
  const Quantize op = emit(Quantize{.x = {x}, .amax_over_tp = rows_split}, {"x8", transposed, "scale"});
  return {.value = op.q.id, .scale = op.scale.id};
}

Builder::Operand8 Builder::linear_weight(const Linear& linear, Shape shape, Placement over_tp) {
  return product_weight(weight(linear.name, shape, over_tp, linear.weight));
}

Builder::Operand8 Builder::product_weight(ValueId id) {
  if (!policy_.fp8) return {.value = id};
  program_[id].fp8_held = policy_.fp8_held;
  if (policy_.fp8_held) program_[id].type.dtype = DType::f8e4m3;

  CastWeight cast{.weight = {id}};
  Value copy = program_[id];
  copy.weight = id;
  copy.type.dtype = DType::f8e4m3;
  if (!policy_.fp8_held) {
    copy.state = StateKind::cast;
    cast.q.id = add(copy);
  }
  if (policy_.fp8_transposes) {
    Value other = copy;
    other.state = StateKind::cast_transposed;
    other.type = transposed(copy.type);
    cast.q_t.id = add(other);
  }
  if (!policy_.fp8_held) {
    Value scale = copy;
    scale.state = StateKind::cast_scale;
    scale.type = {.shape = {1}, .dtype = DType::f32, .placement = {}};
    cast.scale.id = add(scale);
  }
  const bool always = policy_.recast_frozen && !program_[id].trainable;
  if (cast.q.id != kNoValue || cast.q_t.id != kNoValue) {
    emit(cast, {}, always ? When::always : When::first_microbatch);
  }
  return {.value = cast.q.id != kNoValue ? cast.q.id : id, .scale = cast.scale.id};
}

ValueId Builder::column_linear(ValueId x, const Linear& linear, std::int64_t features, const char* out_name) {
  const std::int64_t width = program_.type(x).shape[1];
  const Operand8 w = linear_weight(linear, {features, width}, split(0));
  // What is gathered again in the backward is transposed there; what is saved is saved transposed.
  const bool save_transposed = policy_.fp8_transposes && !policy_.sequence_parallel && !policy_.adapters_only;
  const Operand8 a = quantize_input(x, save_transposed);
  Matmul op{.a = {gather_seq(a.value)}, .b = {w.value}, .scale_a = {a.scale}, .scale_b = {w.scale}};
  if (linear.bias_name != nullptr) op.bias = {weight(linear.bias_name, {features}, split(0), linear.bias)};
  const ValueId out = emit(op, {out_name}).out.id;
  return linear.adapters.rank == 0 ? out : column_adapters(x, out, linear.adapters, out_name);
}

ValueId Builder::row_linear(ValueId x, const Linear& linear, std::int64_t features, const char* out_name) {
  const std::int64_t width = program_.type(x).shape[1];
  const Operand8 w = linear_weight(linear, {features, width}, split(1));
  const Operand8 a = quantize_input(x, policy_.fp8_transposes && !policy_.adapters_only);
  const Matmul op{.a = {a.value}, .b = {w.value}, .scale_a = {a.scale}, .scale_b = {w.scale}};
  ValueId sum = scatter_seq(emit(op, {out_name}).out.id, out_name);
  if (linear.adapters.rank > 0) sum = row_adapters(x, sum, linear.adapters, out_name);
  if (linear.bias_name == nullptr) return sum;
  const ValueId bias = weight(linear.bias_name, {features}, kReplicated, linear.bias);
  return emit(AddBias{.x = {sum}, .bias = {bias}}, {out_name}).out.id;
}

ValueId Builder::expert_linear(ValueId rows, const Linear& linear, Shape shape, int split_dim, ValueId counts,
                               const char* out_name) {
  PerAxis<Placement> placement;
  if (program_.mesh.size[Axis::ep] > 1) placement[Axis::ep] = split(0);
  if (program_.mesh.size[Axis::etp] > 1) placement[Axis::etp] = split(split_dim);
  const Operand8 w = product_weight(weight_of(View::expert, linear.name, shape, placement, linear.weight));
  const Operand8 a = quantize_input(rows, policy_.fp8_transposes && !policy_.adapters_only);
  const GroupedMatmul op{
      .a = {a.value}, .b = {w.value}, .scale_a = {a.scale}, .scale_b = {w.scale}, .counts = {counts}};
  return emit(op, {out_name}).out.id;
}

ValueId Builder::column_adapters(ValueId x, ValueId base, const Adapters& adapters, const char* out_name) {
  const ValueId a =
      adapter_weight(adapters.a_name, {adapters.a_rows(), program_.type(x).shape[1]}, kReplicated, adapters.a);
  const ValueId b = adapter_weight(adapters.b_name, {adapters.b_rows(), adapters.rank}, split(0), adapters.b);
  const ValueId h = gather_seq(emit(Matmul{.a = {x}, .b = {a}}, {adapters.h_name}).out.id);  // (T, adapters x R)
  const AdapterUp up{.base = {base}, .h = {h}, .b = {b}, .columns = adapters.columns, .scale = adapters.scale};
  return emit(up, {out_name}).out.id;
}

ValueId Builder::row_adapters(ValueId x, ValueId base, const Adapters& adapters, const char* out_name) {
  const ValueId a =
      adapter_weight(adapters.a_name, {adapters.a_rows(), program_.type(x).shape[1]}, split(1), adapters.a);
  const ValueId b = adapter_weight(adapters.b_name, {adapters.b_rows(), adapters.rank}, kReplicated, adapters.b);
  const ValueId partial = emit(Matmul{.a = {x}, .b = {a}}, {adapters.h_name}).out.id;
  const ValueId h = scatter_seq(partial, adapters.h_name);  // (T, R)
  const AdapterUp up{.base = {base}, .h = {h}, .b = {b}, .columns = adapters.columns, .scale = adapters.scale};
  return emit(up, {out_name}).out.id;
}

}  // namespace perfbench
