#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "program/builder.h"
#include "program/passes.h"

namespace perfbench {
namespace {

using testing::ElementsAre;

std::vector<std::string> ops_of(const Program& program) {
  std::vector<std::string> names;
  for (const Node& node : program.backward) names.emplace_back(name(node.op));
  return names;
}

// A backward written by hand: what is emitted goes there.
struct Backward {
  Program program;
  Policy policy;
  Builder build{program, policy};
  ValueId dy = build.boundary("dy", {8, 4});
  ValueId weight = build.weight("w", {4, 6}, kReplicated, {});
  ValueId other = build.boundary("other", {8, 6});

  ValueId product() { return build.emit(Matmul{.a = {dy}, .b = {weight}, .transpose_b = false}, {"dx"}).out.id; }
  ValueId sum(ValueId a, ValueId b) { return build.emit(Add{.a = {a}, .b = {b}}, {"sum"}).out.id; }
  std::vector<std::string> fused() {
    program.backward = std::move(program.forward);
    fuse_adapter_gradients(program);
    return ops_of(program);
  }
};

TEST(FuseAdapterGradients, AProductIsAddedToTheOtherSummandWhicheverSideItIsOn) {
  for (const bool left : {false, true}) {
    Backward b;
    const ValueId dx = b.product();
    const ValueId sum = left ? b.sum(dx, b.other) : b.sum(b.other, dx);
    EXPECT_THAT(b.fused(), ElementsAre("add_matmul"));
    const auto& op = std::get<AddMatmul>(b.program.backward.front().op);
    EXPECT_EQ(op.c.id, b.other);
    EXPECT_EQ(op.a.id, b.dy);
    EXPECT_EQ(op.b.id, b.weight);
    EXPECT_EQ(op.out.id, sum);
    EXPECT_FALSE(op.transpose_b);
  }
}

TEST(FuseAdapterGradients, AProductThatOthersReadToo) {
  Backward b;
  const ValueId dx = b.product();
  b.sum(b.sum(dx, b.other), dx);
  EXPECT_THAT(b.fused(), ElementsAre("matmul", "add", "add"));
}

TEST(FuseAdapterGradients, AProductWithScalesOrABiasHasNoSumInside) {
  Backward b;
  Matmul scaled{.a = {b.dy}, .b = {b.weight}, .transpose_b = false};
  scaled.scale_a = scaled.scale_b = {b.build.data(Datum::loss_weight, {1})};
  b.sum(b.build.emit(scaled, {"dx"}).out.id, b.other);
  EXPECT_THAT(b.fused(), ElementsAre("matmul", "add"));
}

TEST(FuseAdapterGradients, NothingStandsBetweenTheTwo) {
  Backward b;
  const ValueId dx = b.product();
  const ValueId twice = b.sum(b.other, b.other);
  b.sum(dx, twice);
  EXPECT_THAT(b.fused(), ElementsAre("matmul", "add", "add"));
}

TEST(FuseAdapterGradients, BothGradientsOfAnAdapterAreOneOp) {
  Backward b;
  const AdapterColumns columns{{{4, true}}};
  const ValueId h = b.build.boundary("h", {8, 2}), lora_b = b.build.weight("b", {4, 2}, kReplicated, {});
  const auto dh =
      b.build.emit(AdapterUpBackward{.dout = {b.dy}, .b = {lora_b}, .columns = columns, .scale = 2.0}, {"dh"});
  const auto db = b.build.emit(AdapterWeightGrad{.dout = {b.dy}, .h = {h}, .columns = columns, .scale = 2.0}, {"db"});
  EXPECT_THAT(b.fused(), ElementsAre("adapter_backward"));
  const auto& op = std::get<AdapterBackward>(b.program.backward.front().op);
  EXPECT_EQ(op.dh.id, dh.dh.id);
  EXPECT_EQ(op.db.id, db.db.id);
  EXPECT_EQ(op.h.id, h);
  EXPECT_EQ(op.b.id, lora_b);
  EXPECT_EQ(op.scale, 2.0);
}

}  // namespace
}  // namespace perfbench
