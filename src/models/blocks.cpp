#include "models/blocks.h"

#include "models/pieces.h"

namespace perfbench {
namespace {

// One piece a part; where they are parts of one tensor, each with its place in it.
Pieces pieces_of(const BlockContext& context, std::span<const LinearSpec> parts, std::string_view which,
                 bool one_tensor) {
  Pieces pieces;
  std::int64_t row = 0;
  for (const LinearSpec& part : parts) {
    std::string tensor = layer_module(context.names, part.module).append(which);
    pieces.push_back(output_rows(std::move(tensor), part, context.job.layout.tp));
    if (one_tensor) pieces.back().first_row = row;
    row += part.out.size;
  }
  for (Piece& piece : pieces) piece.tensor_rows = one_tensor ? row : 0;
  return pieces;
}

}  // namespace

Linear linear_of(const BlockContext& context, const LinearNames& names, std::span<const LinearSpec> parts,
                 bool one_tensor) {
  Linear linear{.name = names.weight, .weight = pieces_of(context, parts, ".weight", one_tensor)};
  for (Piece& piece : linear.weight) piece.transposed = context.names.transposed_linears;
  if (parts.front().bias) {
    linear.bias_name = names.bias;
    linear.bias = pieces_of(context, parts, ".bias", one_tensor);
  }
  linear.adapters = adapters_of(context.job, context.names, names.adapters, parts);
  return linear;
}

std::int64_t local_features(const Linear& linear) {
  std::int64_t rows = 0;
  for (const Piece& piece : linear.weight) rows += piece.rows;
  return rows;
}

}  // namespace perfbench
