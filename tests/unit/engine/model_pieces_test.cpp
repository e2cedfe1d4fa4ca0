#include "engine/weights/model_pieces.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace perfbench {
namespace {

using ::testing::ElementsAre;

// A packed weight of two pieces in layer 1 of the chunk, and one of the head; tp 2.
Program packed_weight() {
  Program program;
  Value pair{.name = "gate_up", .layer = 1, .role = Role::state, .state = StateKind::weight};
  pair.type = {.shape = {6, 4}, .placement = {}};
  pair.type.placement[Axis::tp] = split(0);
  pair.sources = {.first = 0, .count = 2};
  Value head{.name = "head", .role = Role::state, .state = StateKind::weight};
  head.type = {.shape = {3, 5}, .placement = {}};
  head.type.placement[Axis::tp] = split(1);
  head.sources = {.first = 2, .count = 1};
  Value grad = head;
  grad.state = StateKind::main_grad;
  program.values = {pair, grad, head};
  program.sources = {Piece{.tensor = "layers.{}.gate", .rows = 4, .model_rows = 8},
                     Piece{.tensor = "layers.{}.up", .rows = 2, .model_rows = 4, .tensor_rows = 12},
                     Piece{.tensor = "head", .rows = 3, .model_rows = 3, .transposed = true}};
  return program;
}

TEST(ModelPieces, HaveTheNamesOfTheModelAndTheirPlacesInTheWeight) {
  const std::vector<ModelPiece> pieces = model_pieces(packed_weight(), 10, 0);
  ASSERT_EQ(pieces.size(), 3u);
  EXPECT_EQ(pieces[0].name, "layers.11.gate");
  EXPECT_EQ(pieces[1].name, "layers.11.up");
  EXPECT_EQ(pieces[1].weight, 0);
  EXPECT_EQ(pieces[1].local_row, 4);
  EXPECT_EQ(pieces[2].name, "head");
  EXPECT_EQ(pieces[2].weight, 2);
}

TEST(ModelPieces, HaveTheShapesOfTheModel) {
  const Program program = packed_weight();
  const std::vector<ModelPiece> pieces = model_pieces(program, 0, 0);
  EXPECT_THAT(model_shape(pieces.at(0), program[0], 2), ElementsAre(8, 4));
  EXPECT_THAT(model_shape(pieces.at(1), program[0], 2), ElementsAre(12, 4));  // a part of a larger tensor
  EXPECT_THAT(model_shape(pieces.at(2), program[2], 2), ElementsAre(10, 3));  // stored (in, out), split along in
}

}  // namespace
}  // namespace perfbench
