// Which parts of which Hugging Face tensors the weights of a chunk are made of.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "program/program.h"

namespace perfbench {

// One piece of one weight, under the name of its tensor.
struct ModelPiece {
  ValueId weight = kNoValue;
  Piece piece{};
  std::string name;
  std::int64_t local_row = 0;  // where the piece starts in the weight; of experts' weights, in all their rows
  int expert = -1;             // its number in the model
};

// Of all weights of a chunk whose first layer is layer `first_layer` of the model, with the experts of rank `ep_rank`
// of ep, expert by expert.
std::vector<ModelPiece> model_pieces(const Program& program, int first_layer, int ep_rank);

// How a weight's matrix, or that of each expert, is split: along its dim 0 or 1, if at all.
struct MatrixSplit {
  Axis axis = Axis::tp;
  Placement placement{};
};
MatrixSplit matrix_split(const Value& weight);

// The shape of the piece's tensor in the model, where the weight's matrix is split over `ranks` ranks.
std::vector<std::int64_t> model_shape(const ModelPiece& part, const Value& weight, int ranks);

}  // namespace perfbench
