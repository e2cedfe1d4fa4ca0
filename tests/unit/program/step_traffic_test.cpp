#include "program/step_traffic.h"

#include <gtest/gtest.h>

#include "program/lane_steps.h"

namespace perfbench {
namespace {

// Of both stages: 32 bytes are reduced over tp in each forward; 3 weights, padded to 4, are gathered over dp before the
// first and reduced after the last microbatch.
Plan two_stages() {
  Program program;
  program.mesh.size[Axis::tp] = program.mesh.size[Axis::dp] = program.mesh.pp = 2;
  const ValueType activation{.shape = {4, 2}, .dtype = DType::f32, .placement = {}};
  const ValueType weight{.shape = {3}, .dtype = DType::f32, .placement = {}};
  program.values = {{.name = "x", .type = activation},
                    {.name = "sum", .type = activation},
                    {.name = "w", .role = Role::state, .type = weight, .state = StateKind::weight},
                    {.name = "w", .role = Role::state, .type = weight, .state = StateKind::main_grad, .weight = 2}};
  program.output = program.grad_input = 1;
  program.forward = {{.op = GatherParams{.weights = {{2}}}, .when = When::first_microbatch},
                     {.op = AllReduce{.x = {0}, .out = {1}}}};
  program.backward = {{.op = ReduceGrads{.main_grads = {{3}}}, .when = When::last_microbatch}};
  program.optimizer = {{.op = ReduceSharedGrads{.main_grads = {{3}}, .shards = 2}}};
  return {.mesh = program.mesh,
          .pipeline = {.pp = 2, .vp = 1, .microbatches = 3, .flushes = 2},
          .kinds = {program},
          .chunks = {{.kind = 0}, {.kind = 0}}};
}

TEST(StepTraffic, CountsEachNodeAsOftenAsItRuns) {
  for (const int stage : {0, 1}) {  // one sends six activations, the other six gradients
    const RankTraffic traffic = step_traffic(two_stages(), stage);
    EXPECT_EQ(traffic.group[Group::tp], (Traffic{.calls = 6, .bytes = 6 * 32}));
    EXPECT_EQ(traffic.group[Group::copies], (Traffic{.calls = 2, .bytes = 2 * 16}));
    EXPECT_EQ(traffic.group[Group::cp], Traffic{});
    EXPECT_EQ(traffic.pipeline, (Traffic{.calls = 6, .bytes = 6 * 32}));
    EXPECT_EQ(traffic.group[Group::ends], (Traffic{.calls = 1, .bytes = 2 * 4}));  // half of three, rounded up
  }
}

TEST(StepTraffic, OfOneStageSendsNothing) {
  Plan plan = two_stages();
  plan.pipeline = {.pp = 1, .vp = 1, .microbatches = 1, .flushes = 1};
  plan.chunks.resize(1);
  plan.kinds[0].mesh.pp = 1;
  const RankTraffic traffic = step_traffic(plan, 0);
  EXPECT_EQ(traffic.pipeline, Traffic{});
  EXPECT_EQ(traffic.group[Group::ends], Traffic{});
  EXPECT_EQ(traffic.group[Group::copies], (Traffic{.calls = 2, .bytes = 2 * 16}));  // the first is the last, too
}

TEST(StepTraffic, KnowsWhichGroupsAreUsed) {
  const PerGroup<bool> in_use = groups_in_use(two_stages());
  for (const Group group : kGroups) {
    EXPECT_EQ(in_use[group], group == Group::tp || group == Group::copies || group == Group::ends) << name(group);
  }
}

// 6 tokens of one rank; K and V of 2 heads of 5 dims in 2 bytes: 6 x 20 x 2 = 240 bytes go round.
Program ring_of(int cp) {
  Program program;
  program.mesh.size[Axis::cp] = cp;
  const ValueType qkv{.shape = {6, 40}, .dtype = DType::bf16, .placement = {}};
  program.values = {{.name = "qkv", .type = qkv}};
  return program;
}

TEST(Ring, CarriesKeysAndValuesToEveryRankAndTheirGradientsHome) {
  const Heads heads{.heads = 4, .kv_heads = 2, .head_dim = 5};
  const Attention forward{.qkv = {0}, .heads = heads};
  AttentionBackward backward{.qkv = {0}};
  backward.heads = heads;
  for (const int cp : {2, 4}) {
    const Program program = ring_of(cp);
    EXPECT_EQ(traffic(forward, program).group[Group::cp], (Traffic{.calls = cp - 1, .bytes = (cp - 1) * 240}));
    EXPECT_EQ(traffic(backward, program).group[Group::cp], (Traffic{.calls = 2 * cp - 1, .bytes = (2 * cp - 1) * 240}));
    EXPECT_EQ(scratch_bytes(forward, program), 2 * 240);
    EXPECT_EQ(scratch_bytes(backward, program), 4 * 240);
  }
  EXPECT_EQ(traffic(forward, ring_of(1)).group[Group::cp], Traffic{});
  EXPECT_EQ(scratch_bytes(backward, ring_of(1)), 0);
}

}  // namespace
}  // namespace perfbench
