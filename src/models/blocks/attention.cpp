#include "models/blocks/adapters.h"

namespace perfbench {
namespace {

// q, k and v one below the other; where the family packs them, as three parts of one tensor.
Pieces qkv_pieces(const LocalShape& shape, std::array<const char*, 3> tensors) {
  const std::int64_t q = shape.heads.heads * shape.heads.head_dim, kv = shape.heads.kv_heads * shape.heads.head_dim;
  Pieces pieces{split_rows(tensors[0], q, shape.tp), split_rows(tensors[1], kv, shape.tp),
                split_rows(tensors[2], kv, shape.tp)};
  if (!shape.tensors.packed_qkv) return pieces;
  std::int64_t row = 0;
  for (Piece& piece : pieces) {
    piece.first_row = row;
    piece.tensor_rows = (q + 2 * kv) * shape.tp;
    row += piece.model_rows;
  }
  return pieces;
}

Linear qkv_proj(const LocalShape& shape) {
  const TensorNames& names = shape.tensors;
  Linear linear{.name = "qkv_proj",
                .weight = transposed_where(names.transposed_linears,
                                           qkv_pieces(shape, {names.q.weight, names.k.weight, names.v.weight}))};
  if (shape.attention_bias) {
    linear.bias_name = "qkv_bias";
    linear.bias = qkv_pieces(shape, {names.q.bias, names.k.bias, names.v.bias});
  }
  linear.adapters = qkv_adapters(shape);
  return linear;
}

Linear o_proj(const LocalShape& shape) {
  const TensorNames& names = shape.tensors;
  Linear linear{.name = "o_proj",
                .weight = transposed_where(names.transposed_linears, {whole_rows(names.o.weight, shape.hidden)})};
  if (shape.output_bias) {
    linear.bias_name = "o_bias";
    linear.bias = {whole_rows(names.o.bias, shape.hidden)};
  }
  constexpr AdapterNames kNames{.a = "o_lora_a", .b = "o_lora_b", .h = "o_lora"};
  linear.adapters = adapters_of(shape, kNames, {{"o_proj", shape.hidden}}, false);
  return linear;
}

// Each head of q and k, normed. (T, (n + 2k) D)
ValueId qk_norm(Builder& build, ValueId qkv, const LocalShape& shape) {
  const std::int64_t dim = shape.heads.head_dim;
  const auto weight = [&](const char* name, const TensorName& tensor) {
    return build.weight(name, {dim}, kReplicated, {whole_rows(tensor.weight, dim)});
  };
  QkNorm op{.qkv = {qkv}, .heads = shape.heads, .eps = shape.norm_eps};
  op.q_weight = {weight("q_norm", shape.tensors.q_norm)};
  op.k_weight = {weight("k_norm", shape.tensors.k_norm)};
  return build.emit(op, {"qkv_normed", "qk_rstd"}).out.id;
}

ValueId rope(Builder& build, ValueId qkv, const LocalShape& shape) {
  const ValueId positions = build.data(Datum::position, {shape.batch * shape.seq});
  Rope op{.qkv = {qkv}, .positions = {positions}, .heads = shape.heads, .theta = shape.rope_theta};
  op.scaling = shape.rope_scaling;
  op.rotary_dim = shape.rotary_dim;
  return build.emit(op, {"qkv_rot"}).out.id;
}

// (T, n D)
ValueId core_attention(Builder& build, ValueId qkv, const LocalShape& shape) {
  const OpenModule module = build.module(Module::core_attn);
  Attention op{.qkv = {qkv}, .heads = shape.heads};
  if (shape.attended > 0.0) op.starts = {build.data(Datum::start, {shape.batch * shape.seq})};
  op.batch = shape.batch;
  op.seq = shape.seq;
  op.attended = shape.attended;
  return build.emit(op, {"attn", "lse"}).out.id;
}

}  // namespace

void attention_block(Builder& build, Stream& stream, const LocalShape& shape) {
  const NormNames names{.weight = "input_norm", .bias = "input_norm_bias", .sum = "sum_in"};
  const ValueId x = norm(build, stream, shape, names, shape.tensors.input_norm);             // (T, H)
  ValueId qkv = build.column_linear(x, qkv_proj(shape), shape.heads.packed_width(), "qkv");  // (T, (n + 2k) D)
  if (shape.qk_norm) qkv = qk_norm(build, qkv, shape);
  if (shape.positions == Positions::rope) qkv = rope(build, qkv, shape);
  const ValueId attention = core_attention(build, qkv, shape);                            // (T, n D)
  stream.pending = build.row_linear(attention, o_proj(shape), shape.hidden, "attn_out");  // (T, H)
}

}  // namespace perfbench
