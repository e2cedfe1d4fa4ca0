#include "models/blocks/block.h"

#include "spec/packed_lengths.h"

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
      .norm_eps = model.norm_eps,
      .rope_theta = model.rope_theta,
      .rope_scaling = model.rope_scaling,
      .rotary_dim = model.head_dim,
      .attended = job.packed ? mock_attended(job.seq_len) : 0.0};
}

Piece split_rows(const char* tensor, std::int64_t rows, int tp) {
  return {.tensor = tensor, .rows = rows, .model_rows = rows * tp};
}

Piece whole_rows(const char* tensor, std::int64_t rows) { return {.tensor = tensor, .rows = rows, .model_rows = rows}; }

ValueId norm(Builder& build, Stream& stream, const LocalShape& shape, const char* weight_name, const char* tensor,
             const char* sum_name) {
  RmsNorm op{.x = {stream.pending}, .residual = {stream.residual}, .eps = shape.norm_eps};
  op.weight = {build.weight(weight_name, {shape.hidden}, kReplicated, {whole_rows(tensor, shape.hidden)})};
  const bool adds = stream.residual != kNoValue;
  op = build.emit(op, {adds ? sum_name : nullptr, "x", "rstd"});
  stream.residual = adds ? op.sum.id : stream.pending;
  stream.pending = kNoValue;
  return op.y.id;
}

}  // namespace perfbench
