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

// Two experts on the second of the ranks of ep, gate and up of each split over etp 2.
TEST(ModelPieces, OfExpertsAreRepeatedForEachUnderItsNumber) {
  Program program;
  Value pair{.name = "gate_up", .layer = 0, .role = Role::state, .state = StateKind::weight, .view = View::expert};
  pair.type = {.shape = {2, 6, 4}, .placement = {}};
  pair.type.placement[Axis::ep] = split(0);
  pair.type.placement[Axis::etp] = split(1);
  pair.sources = {.first = 0, .count = 2};
  Value down = pair;
  down.type.placement[Axis::etp] = split(2);
  down.sources = {.first = 2, .count = 1};
  program.values = {pair, down};
  program.sources = {Piece{.tensor = "layers.{}.experts.{e}.gate", .rows = 3, .model_rows = 6},
                     Piece{.tensor = "layers.{}.experts.{e}.up", .rows = 3, .model_rows = 6},
                     Piece{.tensor = "layers.{}.experts.{e}.down", .rows = 6, .model_rows = 6}};
  const std::vector<ModelPiece> pieces = model_pieces(program, 4, 1);
  std::vector<std::string> names;
  std::vector<std::int64_t> rows;
  for (const ModelPiece& piece : pieces) {
    names.push_back(piece.name);
    rows.push_back(piece.local_row);
  }
  EXPECT_THAT(names, ElementsAre("layers.4.experts.2.gate", "layers.4.experts.2.up", "layers.4.experts.3.gate",
                                 "layers.4.experts.3.up", "layers.4.experts.2.down", "layers.4.experts.3.down"));
  EXPECT_THAT(rows, ElementsAre(0, 3, 6, 9, 0, 6));
  EXPECT_THAT(model_shape(pieces.at(0), pair, 2), ElementsAre(6, 4));
  EXPECT_THAT(model_shape(pieces.at(4), down, 2), ElementsAre(6, 8));
}

}  // namespace
}  // namespace perfbench
