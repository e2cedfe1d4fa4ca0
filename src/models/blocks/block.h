// The stream between blocks: what a block adds is pending until the next norm adds it, in one kernel.
#pragma once

#include <optional>

#include "job/job.h"
#include "models/tensor_names.h"
#include "program/builder.h"

namespace perfbench {

struct Stream {
  ValueId residual = kNoValue;  // (T, H) the sum so far; absent right after the embedding or a chunk's border
  ValueId pending = kNoValue;   // (T, H) what the last block adds
};

// Sizes of one rank's share of a layer, and what kind of layer it is.
struct LocalShape {
  std::int64_t batch = 0, seq = 0;  // samples and tokens of a microbatch on this rank
  std::int64_t hidden = 0, ffn = 0;
  Heads heads{};
  int tp = 1;
  bool attention_bias = false, output_bias = false, mlp_bias = false;
  bool qk_norm = false, gated = true;
  Norm norm = Norm::rms;
  Activation activation = Activation::silu;
  Positions positions = Positions::rope;
  double norm_eps = 1e-5, rope_theta = 10000.0;
  RopeScaling rope_scaling{};
  std::int64_t rotary_dim = 0;
  TensorNames tensors{};
  std::optional<Lora> lora{};  // adapters beside its linears
  double attended = 0.0;       // mean length of the sub-sequence that a token is in; 0: nothing is packed
};

LocalShape local_shape(const Job& job);

// Dims of a head that are rotated. transformers cuts the product off, too.
std::int64_t rotary_dim(const ModelSpec& model);

// A part of a weight whose rows are split over tp: `rows` of them are this rank's.
Piece split_rows(const char* tensor, std::int64_t rows, int tp);
// A part of a weight of which every rank has all rows.
Piece whole_rows(const char* tensor, std::int64_t rows);
// The pieces of a linear layer, in the order in which its family's file stores them.
Pieces transposed_where(bool transposed, Pieces pieces);

// A norm as its Program names it.
struct NormNames {
  const char* weight = "";
  const char* bias = "";  // of a layer norm
  const char* sum = "";
};

// y = norm(residual + pending), and the stream with the sum as its residual.
ValueId norm(Builder& build, Stream& stream, const LocalShape& shape, const NormNames& names, const TensorName& tensor);

// Grouped-query attention on packed q|k|v; what it adds is pending in the stream.
void attention_block(Builder& build, Stream& stream, const LocalShape& shape);

// Gated MLP on the packed gate|up pair, or a plain one; what it adds is pending in the stream.
void mlp_block(Builder& build, Stream& stream, const LocalShape& shape);

}  // namespace perfbench
