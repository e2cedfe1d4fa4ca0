#include "engine/weights/model_pieces.h"

#include <algorithm>
#include <string_view>

namespace perfbench {
namespace {

std::string with_number(std::string name, std::string_view place, int number) {
  if (const auto at = name.find(place); at != std::string::npos) name.replace(at, place.size(), std::to_string(number));
  return name;
}

}  // namespace

std::vector<ModelPiece> model_pieces(const Program& program, int first_layer, int ep_rank) {
  std::vector<ModelPiece> list;
  for (ValueId id : states(program, StateKind::weight)) {
    const Value& value = program[id];
    const int layer = first_layer + std::max(value.layer, 0);
    const bool of_experts = value.view == View::expert;
    const auto experts = static_cast<int>(of_experts ? value.type.shape[0] : 1);
    std::int64_t row = 0;
    for (int local = 0; local < experts; ++local) {
      const int expert = of_experts ? ep_rank * experts + local : -1;
      for (const Piece& piece : program.pieces(id)) {
        list.push_back({.weight = id,
                        .piece = piece,
                        .name = with_number(with_number(piece.tensor, "{}", layer), "{e}", expert),
                        .local_row = row,
                        .expert = expert});
        row += piece.rows;
      }
    }
  }
  return list;
}

MatrixSplit matrix_split(const Value& weight) {
  MatrixSplit found{.axis = weight.view == View::expert ? Axis::etp : Axis::tp};
  found.placement = weight.type.placement[found.axis];
  if (weight.type.shape.rank == 3 && found.placement.is_split()) found.placement = split(found.placement.dim - 1);
  return found;
}

std::vector<std::int64_t> model_shape(const ModelPiece& part, const Value& weight, int ranks) {
  const Piece& piece = part.piece;
  const Shape& local = weight.type.shape;
  std::vector<std::int64_t> shape = {piece.tensor_rows > 0 ? piece.tensor_rows : piece.model_rows};
  if (local.rank > 1) {
    shape.push_back(local[local.rank - 1] * (matrix_split(weight).placement.is_split(1) ? ranks : 1));
  }
  if (piece.transposed) std::reverse(shape.begin(), shape.end());
  return shape;
}

}  // namespace perfbench
