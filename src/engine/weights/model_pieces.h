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
  std::int64_t local_row = 0;  // where the piece starts in the weight
};

// Of all weights of a chunk whose first layer is layer `first_layer` of the model.
std::vector<ModelPiece> model_pieces(const Program& program, int first_layer);

// The shape of the piece's tensor in the model, where the weight is split over `tp` ranks.
std::vector<std::int64_t> model_shape(const ModelPiece& part, const Value& weight, int tp);

}  // namespace perfbench
