#include "models/blocks/adapters.h"

namespace perfbench {
namespace {

Linear gate_up_proj(const LocalShape& shape) {
  const TensorNames& names = shape.tensors;
  Linear linear{
      .name = "gate_up_proj",
      .weight = transposed_where(names.transposed_linears, {split_rows(names.gate.weight, shape.ffn, shape.tp),
                                                            split_rows(names.up.weight, shape.ffn, shape.tp)})};
  if (shape.mlp_bias) {
    linear.bias_name = "gate_up_bias";
    linear.bias = {split_rows(names.gate.bias, shape.ffn, shape.tp), split_rows(names.up.bias, shape.ffn, shape.tp)};
  }
  constexpr AdapterNames kNames{.a = "gate_up_lora_a", .b = "gate_up_lora_b", .h = "gate_up_lora"};
  linear.adapters = adapters_of(shape, kNames, {{"gate_proj", shape.ffn}, {"up_proj", shape.ffn}}, true);
  return linear;
}

Linear up_proj(const LocalShape& shape) {
  const TensorNames& names = shape.tensors;
  Linear linear{
      .name = "up_proj",
      .weight = transposed_where(names.transposed_linears, {split_rows(names.up.weight, shape.ffn, shape.tp)})};
  if (shape.mlp_bias) {
    linear.bias_name = "up_bias";
    linear.bias = {split_rows(names.up.bias, shape.ffn, shape.tp)};
  }
  constexpr AdapterNames kNames{.a = "up_lora_a", .b = "up_lora_b", .h = "up_lora"};
  linear.adapters = adapters_of(shape, kNames, {{"up_proj", shape.ffn}}, true);
  return linear;
}

Linear down_proj(const LocalShape& shape) {
  const TensorNames& names = shape.tensors;
  Linear linear{.name = "down_proj",
                .weight = transposed_where(names.transposed_linears, {whole_rows(names.down.weight, shape.hidden)})};
  if (shape.mlp_bias) {
    linear.bias_name = "down_bias";
    linear.bias = {whole_rows(names.down.bias, shape.hidden)};
  }
  constexpr AdapterNames kNames{.a = "down_lora_a", .b = "down_lora_b", .h = "down_lora"};
  linear.adapters = adapters_of(shape, kNames, {{"down_proj", shape.hidden}}, false);
  return linear;
}

// (T, F)
ValueId activated(Builder& build, ValueId x, const LocalShape& shape) {
  if (shape.gated) {
    const ValueId pair = build.column_linear(x, gate_up_proj(shape), 2 * shape.ffn, "gate_up");  // (T, 2 F)
    const OpenModule module = build.module(Module::mlp_act);
    return build.emit(SwiGlu{.x = {pair}}, {"act"}).y.id;
  }
  const ValueId up = build.column_linear(x, up_proj(shape), shape.ffn, "up");  // (T, F)
  const OpenModule module = build.module(Module::mlp_act);
  return build.emit(Activate{.x = {up}, .activation = shape.activation}, {"act"}).y.id;
}

}  // namespace

void mlp_block(Builder& build, Stream& stream, const LocalShape& shape) {
  const OpenModule module = build.module(Module::mlp);
  const NormNames names{.weight = "post_norm", .bias = "post_norm_bias", .sum = "sum_mid"};
  const ValueId x = norm(build, stream, shape, names, shape.tensors.post_norm);                              // (T, H)
  stream.pending = build.row_linear(activated(build, x, shape), down_proj(shape), shape.hidden, "mlp_out");  // (T, H)
}

}  // namespace perfbench
