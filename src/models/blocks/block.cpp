#include "models/blocks/block.h"

#include "job/packed_lengths.h"

namespace perfbench {

LocalShape local_shape(const Job& job) {
  const ModelSpec& model = job.model;
  const ParallelLayout& layout = job.layout;
  return {
      .batch = job.mbs,
      .seq = job.seq_len / layout.cp,
      .hidden = model.hidden,
      .ffn = model.ffn / layout.tp,
      .heads = {.heads = model.heads / layout.tp, .kv_heads = model.kv_heads / layout.tp, .head_dim = model.head_dim},
      .tp = layout.tp,
      .attention_bias = model.attention_bias,
      .output_bias = model.output_bias,
      .mlp_bias = model.mlp_bias,
      .qk_norm = model.qk_norm,
      .gated = model.gated,
      .norm = model.norm,
      .activation = model.activation,
      .positions = model.positions,
      .norm_eps = model.norm_eps,
      .rope_theta = model.rope_theta,
      .rope_scaling = model.rope_scaling,
      .rotary_dim = rotary_dim(model),
      .tensors = tensor_names(model),
      .lora = job.lora,
      .attended = job.packed ? mock_attended(job.seq_len) : 0.0};
}

std::int64_t rotary_dim(const ModelSpec& model) {
  return static_cast<std::int64_t>(model.rotary_share * static_cast<double>(model.head_dim));
}

Piece split_rows(const char* tensor, std::int64_t rows, int tp) {
  return {.tensor = tensor, .rows = rows, .model_rows = rows * tp};
}

Piece whole_rows(const char* tensor, std::int64_t rows) { return {.tensor = tensor, .rows = rows, .model_rows = rows}; }

Pieces transposed_where(bool transposed, Pieces pieces) {
  for (Piece& piece : pieces) piece.transposed = transposed;
  return pieces;
}

namespace {

// Of either norm: `stream` moves on to the sum.
ValueId advance(Stream& stream, ValueId sum, ValueId y) {
  stream.residual = sum != kNoValue ? sum : stream.pending;
  stream.pending = kNoValue;
  return y;
}

}  // namespace

ValueId norm(Builder& build, Stream& stream, const LocalShape& shape, const NormNames& names,
             const TensorName& tensor) {
  const OpenModule module = build.module(Module::layernorm);
  const In x{stream.pending}, residual{stream.residual};
  const In weight{build.weight(names.weight, {shape.hidden}, kReplicated, {whole_rows(tensor.weight, shape.hidden)})};
  const char* sum = stream.residual != kNoValue ? names.sum : nullptr;
  if (shape.norm == Norm::rms) {
    RmsNorm op{.x = x, .residual = residual, .weight = weight, .eps = shape.norm_eps};
    op = build.emit(op, {sum, "x", "rstd"});
    return advance(stream, op.sum.id, op.y.id);
  }
  LayerNorm op{.x = x, .residual = residual, .weight = weight, .eps = shape.norm_eps};
  op.bias = {build.weight(names.bias, {shape.hidden}, kReplicated, {whole_rows(tensor.bias, shape.hidden)})};
  op.weight_offset = shape.norm == Norm::layer1p ? 1.0 : 0.0;
  op = build.emit(op, {sum, "x", "mean", "rstd"});
  return advance(stream, op.sum.id, op.y.id);
}

}  // namespace perfbench
