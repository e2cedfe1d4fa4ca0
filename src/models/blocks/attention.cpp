#include "models/blocks/block.h"

namespace perfbench {
namespace {

Linear qkv_proj(const LocalShape& shape) {
  const std::int64_t q = shape.heads.heads * shape.heads.head_dim, kv = shape.heads.kv_heads * shape.heads.head_dim;
  Linear linear{.name = "qkv_proj",
                .weight = {split_rows("model.layers.{}.self_attn.q_proj.weight", q, shape.tp),
                           split_rows("model.layers.{}.self_attn.k_proj.weight", kv, shape.tp),
                           split_rows("model.layers.{}.self_attn.v_proj.weight", kv, shape.tp)}};
  if (shape.attention_bias) {
    linear.bias_name = "qkv_bias";
    linear.bias = {split_rows("model.layers.{}.self_attn.q_proj.bias", q, shape.tp),
                   split_rows("model.layers.{}.self_attn.k_proj.bias", kv, shape.tp),
                   split_rows("model.layers.{}.self_attn.v_proj.bias", kv, shape.tp)};
  }
  return linear;
}

Linear o_proj(const LocalShape& shape) {
  Linear linear{.name = "o_proj", .weight = {whole_rows("model.layers.{}.self_attn.o_proj.weight", shape.hidden)}};
  if (shape.output_bias) {
    linear.bias_name = "o_bias";
    linear.bias = {whole_rows("model.layers.{}.self_attn.o_proj.bias", shape.hidden)};
  }
  return linear;
}

}  // namespace

void attention_block(Builder& build, Stream& stream, const LocalShape& shape) {
  const ValueId x =
      norm(build, stream, shape, "input_norm", "model.layers.{}.input_layernorm.weight", "sum_in");  // (T, H)
  const ValueId qkv = build.column_linear(x, qkv_proj(shape), shape.heads.packed_width(), "qkv");    // (T, (n + 2k) D)
  Rope rope{.qkv = {qkv}, .positions = {build.program().positions}, .heads = shape.heads, .theta = shape.rope_theta};
  rope.scaling = shape.rope_scaling;
  rope.rotary_dim = shape.rotary_dim;
  rope = build.emit(rope, {"qkv_rot"});
  Attention attention{.qkv = {rope.out.id}, .starts = {build.program().starts}, .heads = shape.heads};
  attention.batch = shape.batch;
  attention.seq = shape.seq;
  attention.attended = shape.attended;
  attention = build.emit(attention, {"attn", "lse"});                                            // (T, n D), (T, n)
  stream.pending = build.row_linear(attention.out.id, o_proj(shape), shape.hidden, "attn_out");  // (T, H)
}

}  // namespace perfbench
