#include "models/blocks/adapters.h"

namespace perfbench {
namespace {

Linear gate_up_proj(const LocalShape& shape) {
  Linear linear{.name = "gate_up_proj",
                .weight = {split_rows("model.layers.{}.mlp.gate_proj.weight", shape.ffn, shape.tp),
                           split_rows("model.layers.{}.mlp.up_proj.weight", shape.ffn, shape.tp)}};
  if (shape.mlp_bias) {
    linear.bias_name = "gate_up_bias";
    linear.bias = {split_rows("model.layers.{}.mlp.gate_proj.bias", shape.ffn, shape.tp),
                   split_rows("model.layers.{}.mlp.up_proj.bias", shape.ffn, shape.tp)};
  }
  constexpr AdapterNames kNames{.a = "gate_up_lora_a", .b = "gate_up_lora_b", .h = "gate_up_lora"};
  linear.adapters = adapters_of(shape, kNames, {{"gate_proj", shape.ffn}, {"up_proj", shape.ffn}}, true);
  return linear;
}

Linear down_proj(const LocalShape& shape) {
  Linear linear{.name = "down_proj", .weight = {whole_rows("model.layers.{}.mlp.down_proj.weight", shape.hidden)}};
  if (shape.mlp_bias) {
    linear.bias_name = "down_bias";
    linear.bias = {whole_rows("model.layers.{}.mlp.down_proj.bias", shape.hidden)};
  }
  constexpr AdapterNames kNames{.a = "down_lora_a", .b = "down_lora_b", .h = "down_lora"};
  linear.adapters = adapters_of(shape, kNames, {{"down_proj", shape.hidden}}, false);
  return linear;
}

}  // namespace

void mlp_block(Builder& build, Stream& stream, const LocalShape& shape) {
  const ValueId x =
      norm(build, stream, shape, "post_norm", "model.layers.{}.post_attention_layernorm.weight", "sum_mid");  // (T, H)
  const ValueId pair = build.column_linear(x, gate_up_proj(shape), 2 * shape.ffn, "gate_up");  // (T, 2 F)
  const SwiGlu swiglu = build.emit(SwiGlu{.x = {pair}}, {"act"});                              // (T, F)
  stream.pending = build.row_linear(swiglu.y.id, down_proj(shape), shape.hidden, "mlp_out");   // (T, H)
}

}  // namespace perfbench
