#include "program/datum.h"

#include <gtest/gtest.h>

#include "program/builder.h"
#include "program/verify.h"
#include "unit/support/fault.h"

namespace perfbench {
namespace {

// On tp 2, cp 2 and dp 2, and with sequence parallelism.
struct Chunk {
  Program program;
  Policy policy{.sequence_parallel = true};
  Builder build{program, policy};

  Chunk() {
    for (const Axis axis : {Axis::tp, Axis::cp, Axis::dp}) program.axis_size[axis] = 2;
  }
  std::string said() const {
    return fault([&] { verify(program); });
  }
};

TEST(Datum, LiesAsItIsSpread) {
  Chunk c;
  const auto type_of = [&](Datum datum, Shape shape) { return to_string(c.program.type(c.build.data(datum, shape))); };
  EXPECT_EQ(type_of(Datum::token, {8}), "i64[8]{cp:0 dp:0}");
  EXPECT_EQ(type_of(Datum::stream_position, {4}), "i64[4]{tp:0 cp:0 dp:0}");
  EXPECT_EQ(type_of(Datum::loss_weight, {1}), "f32[1]");
  EXPECT_EQ(c.said(), "");
}

TEST(Datum, IsOneValueHoweverOftenItIsAskedFor) {
  Chunk c;
  const ValueId positions = c.build.data(Datum::position, {8});
  EXPECT_EQ(c.build.data(Datum::position, {8}), positions);
  EXPECT_EQ(value_of(c.program, Datum::position), positions);
  EXPECT_EQ(value_of(c.program, Datum::start), kNoValue);
  EXPECT_EQ(c.program.data.size(), 1u);
  EXPECT_EQ(fault([&] { c.build.data(Datum::position, {16}); }),
            "positions i64[8]{cp:0 dp:0} is asked for with another shape");
}

TEST(Datum, EveryValueThatIsDataIsGivenOnce) {
  Chunk c;
  const ValueId tokens = c.build.data(Datum::token, {8}), targets = c.build.data(Datum::target, {8});
  c.program.data.pop_back();
  EXPECT_EQ(c.said(), "data: targets i64[8]{cp:0 dp:0} is given 0 times, should be once");
  c.program.data.push_back({.datum = Datum::target, .value = tokens});
  EXPECT_EQ(c.said(), "data: tokens i64[8]{cp:0 dp:0} is given 2 times, should be once");
  c.program.data.back() = {.datum = Datum::token, .value = targets};
  EXPECT_EQ(c.said(), "data: tokens is given twice");
  c.program.data.back() = {.datum = Datum::target, .value = 7};
  EXPECT_EQ(c.said(), "data: targets is no value of the Program");
  c.program.data.back() = {.datum = Datum::target, .value = targets};
  EXPECT_EQ(c.said(), "");
}

TEST(Datum, IsGivenAsWhatItIs) {
  Chunk c;
  const ValueId weight = c.build.data(Datum::loss_weight, {1});
  c.program[weight].type.dtype = DType::i64;
  EXPECT_EQ(c.said(), "data: loss_weight is given as loss_weight i64[1]");
  c.program[weight].type.dtype = DType::f32;
  c.program[weight].role = Role::boundary;
  EXPECT_EQ(c.said(), "data: loss_weight is given as loss_weight f32[1]");
}

}  // namespace
}  // namespace perfbench
