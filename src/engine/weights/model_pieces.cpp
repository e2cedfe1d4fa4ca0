#include "engine/weights/model_pieces.h"

#include <algorithm>

namespace perfbench {
namespace {

std::string with_layer(std::string name, int layer) {
  if (const auto at = name.find("{}"); at != std::string::npos) name.replace(at, 2, std::to_string(layer));
  return name;
}

}  // namespace

std::vector<ModelPiece> model_pieces(const Program& program, int first_layer) {
  std::vector<ModelPiece> list;
  for (ValueId id : states(program, StateKind::weight)) {
    const Value& value = program[id];
    std::int64_t row = 0;
    for (const Piece& piece : program.pieces(id)) {
      list.push_back({.weight = id,
                      .piece = piece,
                      .name = with_layer(piece.tensor, first_layer + std::max(value.layer, 0)),
                      .local_row = row});
      row += piece.rows;
    }
  }
  return list;
}

std::vector<std::int64_t> model_shape(const ModelPiece& part, const Value& weight, int tp) {
  const Piece& piece = part.piece;
  std::vector<std::int64_t> shape = {piece.tensor_rows > 0 ? piece.tensor_rows : piece.model_rows};
  if (weight.type.shape.rank == 2) {
    shape.push_back(weight.type.shape[1] * (weight.type.placement[Axis::tp].is_split(1) ? tp : 1));
  }
  if (piece.transposed) std::reverse(shape.begin(), shape.end());
  return shape;
}

}  // namespace perfbench
