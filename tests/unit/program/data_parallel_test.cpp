#include <gtest/gtest.h>

#include "program/buckets.h"
#include "program/infer.h"
#include "program/passes.h"
#include "program/traffic.h"
#include "program/verify.h"
#include "unit/support/fault.h"

namespace perfbench {
namespace {

// tp 2 x dp 4 and ep 4 x edp 2 of the same ranks: a router whose gradient is partial over tp and dp, and this rank's
// experts, of which two ranks have copies. The forward reads each once.
class TwoViews : public ::testing::Test {
 protected:
  TwoViews() {
    program_.mesh.size = {{2, 1, 4, 1, 4, 2}};
    PerAxis<Placement> router, experts, router_sum, experts_sum;
    router_sum[Axis::tp] = router_sum[Axis::dp] = kPartial;
    experts[Axis::ep] = experts_sum[Axis::ep] = split(0);
    experts_sum[Axis::edp] = kPartial;
    add("router", View::dense, {4, 1}, router, router_sum);
    add("experts", View::expert, {5, 2}, experts, experts_sum);
    policy_.dtype = policy_.main_grad = DType::f32;
  }

  // A weight, its main gradient, what is added to it, and the weight as the forward has it.
  void add(const char* name, View view, Shape shape, const PerAxis<Placement>& placement,
           const PerAxis<Placement>& of_sum) {
    const auto id = static_cast<ValueId>(program_.values.size());
    const ValueType weight{.shape = shape, .dtype = DType::f32, .placement = placement};
    const ValueType sum{.shape = shape, .dtype = DType::f32, .placement = of_sum};
    program_.values.push_back(
        {.name = name, .role = Role::state, .type = weight, .state = StateKind::weight, .view = view});
    program_.values.push_back(
        {.name = name, .role = Role::state, .type = sum, .state = StateKind::main_grad, .weight = id, .view = view});
    program_.values.push_back({.name = "dw", .role = Role::boundary, .type = sum});
    const Activate reader{.x = {id}, .y = {id + 3}};
    program_.values.push_back({.name = "read", .type = infer(reader, program_).at(0)});
    program_.forward.push_back({.op = reader});
    program_.backward.push_back({.op = Accumulate{.dw = {id + 2}, .main_grad = {id + 1}}});
  }

  Program program_;
  Policy policy_;
};

TEST_F(TwoViews, GradientsAreReducedWherePartialAndOverTheCopiesOfTheirView) {
  add_data_parallel(program_, policy_);
  add_optimizer(program_, policy_);
  EXPECT_EQ(fault([&] { verify(program_); }), "");
  ASSERT_EQ(program_.backward.size(), 5U);
  EXPECT_EQ(std::get<ReducePartialGrads>(program_.backward[1].op).axis, Axis::tp);
  EXPECT_EQ(std::get<ReduceGrads>(program_.backward[2].op).group, Group::copies);
  EXPECT_EQ(std::get<ReduceGrads>(program_.backward[4].op).group, Group::expert_copies);
  ASSERT_EQ(program_.forward.size(), 4U);
  EXPECT_EQ(std::get<GatherParams>(program_.forward[0].op).group, Group::expert_copies);
  EXPECT_EQ(std::get<GatherParams>(program_.forward[1].op).group, Group::copies);
}

TEST_F(TwoViews, ReducedOverTheCopiesOfTheOtherViewTheyAreWrong) {
  add_data_parallel(program_, policy_);
  std::get<ReduceGrads>(program_.backward[4].op).group = Group::copies;
  EXPECT_NE(fault([&] { verify(program_); }).find("reduced 1 times over dp, should be 0"), std::string::npos);
}

TEST_F(TwoViews, BucketsAreOfOneViewAndAsManySharesAsCopies) {
  add_data_parallel(program_, policy_);
  const std::vector<Bucket> list = buckets(program_);
  ASSERT_EQ(list.size(), 2U);
  EXPECT_EQ(list[0].ranks, 4);
  EXPECT_EQ(list[0].shard, 1);
  EXPECT_EQ(list[1].ranks, 2);
  EXPECT_EQ(list[1].shard, 5);
  EXPECT_EQ(traffic(program_.backward[2].op, program_).group[Group::copies], (Traffic{.calls = 1, .bytes = 16}));
  EXPECT_EQ(traffic(program_.backward[4].op, program_).group[Group::expert_copies], (Traffic{.calls = 1, .bytes = 40}));
}

TEST_F(TwoViews, OneCopyOfTheExpertsIsNotReduced) {
  program_.mesh.size = {{2, 1, 4, 1, 8, 1}};
  for (Value& value : program_.values) value.type.placement[Axis::edp] = kReplicated;
  add_data_parallel(program_, policy_);
  EXPECT_EQ(program_.backward.size(), 4U);
  EXPECT_EQ(program_.forward.size(), 3U);
  EXPECT_EQ(fault([&] { verify(program_); }), "");
}

}  // namespace
}  // namespace perfbench
