#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "program/backward.h"
#include "program/buckets.h"
#include "program/builder.h"
#include "program/liveness.h"
#include "program/operands.h"
#include "program/passes.h"
#include "program/recompute.h"
#include "program/traffic.h"
#include "program/verify.h"
#include "unit/support/fault.h"

namespace perfbench {
namespace {

Policy fsdp(bool reshard = true, bool defer = false) {
  return {.sequence_parallel = true,
          .fused_grad_accumulation = false,
          .fsdp = true,
          .fsdp_reshard = reshard,
          .fsdp_defer_reduce = defer};
}

// `layers` times a norm and an MLP on tp 2 and dp 2 (4 of `replicas` 2); 8 tokens of width 4, ffn 6. Per layer 4 + 24 +
// 12 weights.
Program small_chunk(const Policy& policy, int layers = 3, int replicas = 1) {
  Program program;
  program.mesh.size[Axis::tp] = 2;
  program.mesh.size[Axis::dp] = 2 * replicas;
  program.mesh.replicas = replicas;
  program.num_layers = layers;
  Builder build(program, policy);
  ValueId x = program.input = build.boundary("input", {4, 4});
  for (int layer = 0; layer < layers; ++layer) {
    build.enter_layer(layer);
    RmsNorm norm{.x = {x}, .weight = {build.weight("norm", {4}, kReplicated, {})}};
    norm = build.emit(norm, {nullptr, "normed", "rstd"});
    const ValueId pair = build.column_linear(norm.y.id, {.name = "up"}, 6, "pair");
    const SwiGlu act = build.emit(SwiGlu{.x = {pair}}, {"act"});
    const ValueId out = build.row_linear(act.y.id, {.name = "down"}, 4, "mlp_out");
    x = build.emit(Add{.a = {x}, .b = {out}}, {"sum"}).out.id;
  }
  program.output = x;
  derive_backward(program, policy);
  recompute(program, policy);
  shard_parameters(program, policy);
  add_optimizer(program, policy);
  return program;
}

std::string said(const Program& program) {
  return fault([&] { verify(program); });
}

template <class OpType>
std::vector<std::size_t> places(const std::vector<Node>& nodes) {
  std::vector<std::size_t> list;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    if (std::holds_alternative<OpType>(nodes[i].op)) list.push_back(i);
  }
  return list;
}

int layer_of(const Program& program, const Node& gather) {
  return program[std::get<GatherShards>(gather.op).shards.front().id].layer;
}

bool reads_layer(const Program& program, const Node& node, int layer) {
  const std::vector<Operand> operands = collect(node.op);
  return !std::holds_alternative<GatherShards>(node.op) &&
         std::any_of(operands.begin(), operands.end(), [&](const Operand& o) {
           const std::string name = program[o.id].name;
           return o.use == Use::in && program[o.id].layer == layer &&
                  (name == "norm" || name == "up" || name == "down");
         });
}

TEST(ShardParameters, VerifiesUnderEveryPolicy) {
  for (const bool reshard : {true, false}) {
    for (const bool defer : {true, false}) {
      for (const bool keep : {true, false}) {
        for (const bool fp8 : {true, false}) {
          for (const bool held : {true, false}) {
            for (const int recomputed : {0, 2}) {
              Policy policy = fsdp(reshard, defer);
              policy.fsdp_keep = keep;
              policy.fp8 = policy.fp8_transposes = fp8;
              policy.fp8_held = fp8 && held;
              policy.recompute.layers = recomputed;
              EXPECT_EQ(said(small_chunk(policy)), "");
              policy.fsdp_f32 = !policy.fp8_held;
              EXPECT_EQ(said(small_chunk(policy, 3, 2)), "");
            }
          }
        }
      }
    }
  }
}

// Right before the first reader of a unit the next one is asked for, and not before the value that the unit starts
// with.
TEST(ShardParameters, GathersOneUnitAhead) {
  const Program program = small_chunk(fsdp());
  for (const auto* nodes : {&program.forward, &program.backward}) {
    const bool backward = nodes == &program.backward;
    const std::vector<std::size_t> gathers = places<GatherShards>(*nodes);
    ASSERT_EQ(gathers.size(), 3U);
    for (int k = 0; k < 3; ++k) {
      const int layer = backward ? 2 - k : k;
      const Node& gather = (*nodes)[gathers[static_cast<std::size_t>(k)]];
      EXPECT_EQ(layer_of(program, gather), layer);
      if (k == 0) {
        EXPECT_EQ(gather.after, backward ? program.grad_output : program.input);
        continue;
      }
      const int before = backward ? layer + 1 : layer - 1;
      std::size_t next = gathers[static_cast<std::size_t>(k)] + 1;
      if (k + 1 < 3 && next == gathers[static_cast<std::size_t>(k + 1)]) ++next;
      EXPECT_TRUE(reads_layer(program, (*nodes)[next], before));
      for (std::size_t i = 0; i < next; ++i) EXPECT_FALSE(reads_layer(program, (*nodes)[i], before));
      EXPECT_NE(gather.after, kNoValue);
    }
  }
}

TEST(ShardParameters, WithoutReshardingTheBackwardReadsWhatTheForwardGathered) {
  const Program again = small_chunk(fsdp(true)), kept = small_chunk(fsdp(false));
  EXPECT_EQ(places<GatherShards>(kept.forward).size(), 3U);
  EXPECT_TRUE(places<GatherShards>(kept.backward).empty());
  const std::int64_t layer_bytes = 2 * (4 + 24 + 12);
  EXPECT_EQ(liveness(kept).saved_bytes - liveness(again).saved_bytes, 3 * layer_bytes);
}

// In a pipeline microbatches share one whole copy: a state, gathered with the first of them.
TEST(ShardParameters, WhatIsKeptOverMicrobatchesIsGatheredOnce) {
  Policy policy = fsdp(false);
  policy.fsdp_keep = true;
  const Program program = small_chunk(policy);
  for (std::size_t i : places<GatherShards>(program.forward)) {
    EXPECT_EQ(program.forward[i].when, When::first_microbatch);
  }
  EXPECT_TRUE(places<GatherShards>(program.backward).empty());
  EXPECT_EQ(state_bytes(program, StateKind::gathered), 3 * 2 * (4 + 24 + 12));
  EXPECT_EQ(liveness(program).saved_bytes, liveness(small_chunk(fsdp(true))).saved_bytes);
  Program early = program;
  std::rotate(early.forward.begin(), early.forward.begin() + 1, early.forward.begin() + 3);
  EXPECT_EQ(said(early), "rms_norm: reads layer 0 norm bf16[4] before it is gathered");
}

// A rank holds half of 40 weights and of as many gradients a layer; with deferred reduction whole gradients.
TEST(ShardParameters, StatesAreShares) {
  for (const bool defer : {true, false}) {
    const Program program = small_chunk(fsdp(true, defer));
    EXPECT_EQ(state_bytes(program, StateKind::weight), 3 * 2 * 20);
    EXPECT_EQ(state_bytes(program, StateKind::main_grad), 3 * 2 * (defer ? 40 : 20));
    ASSERT_EQ(buckets(program).size(), 3U);
    EXPECT_EQ(buckets(program).front().shard, 20);
    EXPECT_EQ(std::get<AdamW>(program.optimizer.back().op).shards, 2);
  }
}

TEST(ShardParameters, GradientsOfALayerLeaveTogetherWhenTheLastIsMade) {
  const Program program = small_chunk(fsdp());
  EXPECT_TRUE(places<Accumulate>(program.backward).empty());
  const std::vector<std::size_t> scatters = places<ScatterGrads>(program.backward);
  ASSERT_EQ(scatters.size(), 3U);
  for (std::size_t i : scatters) {
    EXPECT_EQ(program.backward[i].when, When::always);
    EXPECT_EQ(std::get<ScatterGrads>(program.backward[i].op).dws.size(), 3U);
    // The norm's gradient is the last to be made, and partial over tp: it is summed before.
    EXPECT_TRUE(std::holds_alternative<AllReduce>(program.backward[i - 1].op));
    EXPECT_TRUE(std::holds_alternative<RmsNormBackward>(program.backward[i - 2].op));
  }
}

TEST(ShardParameters, DeferredSumsLeaveAfterTheLastMicrobatch) {
  const Program program = small_chunk(fsdp(true, true));
  EXPECT_EQ(places<Accumulate>(program.backward).size(), 9U);
  EXPECT_TRUE(places<ScatterGrads>(program.backward).empty());
  for (std::size_t i : places<ReduceGrads>(program.backward)) {
    EXPECT_EQ(program.backward[i].when, When::last_microbatch);
    EXPECT_TRUE(std::holds_alternative<ReducePartialGrads>(program.backward[i - 1].op));
  }
}

// HSDP: two ranks share, and a rank's share is summed over the two that hold the same one after the last microbatch.
TEST(ShardParameters, ReplicasSumTheirShares) {
  for (const bool defer : {true, false}) {
    const Program program = small_chunk(fsdp(true, defer), 3, 2);
    EXPECT_EQ(state_bytes(program, StateKind::weight), 3 * 2 * 20);
    EXPECT_EQ(std::get<AdamW>(program.optimizer.back().op).shards, 2);
    const std::vector<std::size_t> sums = places<ReduceShares>(program.backward);
    ASSERT_EQ(sums.size(), 3U);
    for (std::size_t i : sums) {
      EXPECT_EQ(program.backward[i].when, When::last_microbatch);
      EXPECT_EQ(traffic(program.backward[i].op, program).group[Group::replicas],
                (Traffic{.calls = 1, .bytes = 2 * 20}));
      const RankTraffic before = traffic(program.backward[i - 1].op, program);
      EXPECT_EQ(before.group[Group::shard], (Traffic{.calls = 1, .bytes = 2 * 40})) << "all of a layer";
    }
    for (std::size_t i : places<GatherShards>(program.forward)) {
      EXPECT_EQ(std::get<GatherShards>(program.forward[i].op).group, Group::shard);
    }
  }
}

// Shares of four bytes are rounded to two before they travel; what is computed with is as it was.
TEST(ShardParameters, SharesInFloat32AreRoundedWhereTheyAreGathered) {
  Policy policy = fsdp();
  policy.fsdp_f32 = true;
  policy.main_grad = DType::f32;
  const Program program = small_chunk(policy), narrow = small_chunk(fsdp());
  EXPECT_EQ(state_bytes(program, StateKind::weight), 3 * 4 * 20);
  EXPECT_EQ(state_bytes(program, StateKind::main_grad), 3 * 4 * 20);
  EXPECT_EQ(liveness(program).saved_bytes, liveness(narrow).saved_bytes);
  EXPECT_EQ(liveness(program).backward_peak_bytes, liveness(narrow).backward_peak_bytes);
  const Node& gather = program.forward[places<GatherShards>(program.forward).front()];
  const Node& scatter = program.backward[places<ScatterGrads>(program.backward).front()];
  EXPECT_EQ(traffic(gather.op, program).group[Group::copies].bytes, 2 * 40);
  EXPECT_EQ(traffic(scatter.op, program).group[Group::copies].bytes, 2 * 40);
  policy.reduced_grad = DType::f32;
  const Program wide = small_chunk(policy);
  const Node& in_f32 = wide.backward[places<ScatterGrads>(wide.backward).front()];
  EXPECT_EQ(traffic(in_f32.op, wide).group[Group::copies].bytes, 4 * 40);
}

// Frozen weights lie in buffers of their own: they have neither gradients nor optimizer states.
TEST(ShardParameters, FrozenWeightsAreGatheredAndNeverScattered) {
  const Policy policy = fsdp();
  Program program;
  program.mesh.size[Axis::dp] = 2;
  Builder build(program, policy);
  program.input = build.boundary("input", {8, 4});
  const ValueId frozen = build.weight("frozen", {5, 4}, kReplicated, {});
  const ValueId trained = build.weight("trained", {4, 5}, kReplicated, {});
  program[frozen].trainable = false;
  const ValueId mid = build.emit(Matmul{.a = {program.input}, .b = {frozen}}, {"mid"}).out.id;
  program.output = build.emit(Matmul{.a = {mid}, .b = {trained}}, {"out"}).out.id;
  derive_backward(program, policy);
  shard_parameters(program, policy);
  add_optimizer(program, policy);
  EXPECT_EQ(said(program), "");
  const std::vector<Bucket> lists = buckets(program);
  ASSERT_EQ(lists.size(), 2U);
  EXPECT_TRUE(lists[0].main_grads.empty());
  EXPECT_EQ(lists[1].main_grads.size(), 1U);
  EXPECT_EQ(state_bytes(program, StateKind::weight), 2 * (10 + 10));
  EXPECT_EQ(state_bytes(program, StateKind::main_grad), 2 * 10);
}

// A stack may cast what nobody changes with every microbatch, also what it gathered with the first.
TEST(ShardParameters, FrozenWeightsThatAreKeptMayBeCastAgain) {
  Policy policy = fsdp(false);
  policy.fp8 = policy.fp8_transposes = policy.fsdp_keep = policy.recast_frozen = policy.adapters_only = true;
  Program program = small_chunk(policy);
  EXPECT_EQ(said(program), "");
  program[states(program, StateKind::weight).back()].trainable = true;
  EXPECT_EQ(said(program), "cast_weight: should run with the first microbatch alone");
}

// The cast of what is gathered is a value of the microbatch. The backward casts again what it gathers again, and only
// it makes the transposed copy.
TEST(ShardParameters, CastsFollowTheirWeights) {
  Policy policy = fsdp();
  policy.fp8 = policy.fp8_transposes = true;
  const Program program = small_chunk(policy);
  EXPECT_EQ(state_bytes(program, StateKind::cast) + state_bytes(program, StateKind::cast_transposed), 0);
  const auto casts = [&](const std::vector<Node>& nodes, bool with_q, bool with_q_t) {
    return std::count_if(nodes.begin(), nodes.end(), [&](const Node& node) {
      const auto* op = std::get_if<Quantize>(&node.op);
      return op != nullptr && op->of_weight && (op->q.id != kNoValue) == with_q && (op->q_t.id != kNoValue) == with_q_t;
    });
  };
  EXPECT_EQ(casts(program.forward, true, false), 6);
  EXPECT_EQ(casts(program.backward, false, true), 6);
  policy.fsdp_reshard = false;
  const Program kept = small_chunk(policy);
  EXPECT_EQ(casts(kept.forward, true, true), 6);
  EXPECT_EQ(casts(kept.backward, false, true) + casts(kept.backward, true, true), 0);
}

// A product that runs again reads its weight in the backward, too. Of the two copies the forward makes and saves the
// one that it reads itself.
TEST(ShardParameters, OneCopyOfAWeightIsSavedWhereBothAreRead) {
  const auto copies = [](const Program& program, bool transposed) {
    const std::vector<ValueId> saved = saved_values(program);
    return std::count_if(saved.begin(), saved.end(), [&](ValueId id) {
      const std::string name = program[id].name;
      const Shape& shape = program.type(id).shape;
      return (name == "up" && shape == (transposed ? Shape{4, 6} : Shape{6, 4})) ||
             (name == "down" && shape == (transposed ? Shape{3, 4} : Shape{4, 3}));
    });
  };
  for (const bool held : {true, false}) {
    Policy policy = fsdp(false);
    policy.fp8 = policy.fp8_transposes = true;
    policy.fp8_held = held;
    const Program plain = small_chunk(policy);
    EXPECT_EQ(copies(plain, true), 6);
    EXPECT_EQ(copies(plain, false), 0);
    policy.recompute.layers = 2;
    const Program program = small_chunk(policy);
    EXPECT_EQ(copies(program, true), 2);  // of the layer that is not computed again
    EXPECT_EQ(copies(program, false), 4);
    EXPECT_LT(liveness(program).saved_bytes, liveness(plain).saved_bytes);
  }
}

class VerifiesShards : public ::testing::Test {
 protected:
  template <class OpType>
  OpType& first(std::vector<Node>& nodes) {
    return std::get<OpType>(nodes[places<OpType>(nodes).front()].op);
  }
  Program program_ = small_chunk(fsdp());
};

TEST_F(VerifiesShards, AShareIsNoWholeWeight) {
  const ValueId share = first<GatherShards>(program_.forward).shards.front().id;
  first<RmsNorm>(program_.forward).weight.id = share;
  EXPECT_EQ(said(program_), "rms_norm: takes layer 0 norm bf16[4] as if it were whole");
}

TEST_F(VerifiesShards, EachIsGatheredInTheListOfTheForward) {
  auto& again = first<GatherShards>(program_.backward);
  std::swap(again.shards[0], again.shards[1]);
  std::swap(again.weights[0], again.weights[1]);
  EXPECT_EQ(said(program_), "gather_shards: layer 2 up bf16[6,4]{tp:0} is gathered with others than in the forward");
}

TEST_F(VerifiesShards, GradientsGoWithTheirWeights) {
  auto& scatter = first<ScatterGrads>(program_.backward);
  std::swap(scatter.dws[0], scatter.dws[1]);
  std::swap(scatter.main_grads[0], scatter.main_grads[1]);
  EXPECT_EQ(said(program_), "scatter_grads: layer 2 up bf16[6,4]{tp:0 dp:partial} goes with others than its weight");
}

TEST_F(VerifiesShards, EachGradientIsScatteredOnce) {
  auto& nodes = program_.backward;
  const std::size_t place = places<ScatterGrads>(nodes).front();
  const Node node = nodes[place];
  nodes.push_back(node);
  const std::string twice = said(program_);
  EXPECT_NE(twice.find("reduced 2 times over dp, should be 1"), std::string::npos) << twice;
  nodes.pop_back();
  nodes.erase(nodes.begin() + static_cast<std::ptrdiff_t>(place));
  const std::string never = said(program_);
  EXPECT_NE(never.find("reduced 0 times over dp, should be 1"), std::string::npos) << never;
}

class VerifiesReplicas : public VerifiesShards {
 protected:
  std::vector<Node>& backward() { return program_.backward; }
  std::ptrdiff_t sum() { return static_cast<std::ptrdiff_t>(places<ReduceShares>(backward()).front()); }
  void SetUp() override { program_ = small_chunk(fsdp(), 3, 2); }
};

TEST_F(VerifiesReplicas, EachShareIsSummedOverThemOnce) {
  const Node node = backward()[static_cast<std::size_t>(sum())];
  backward().erase(backward().begin() + sum());
  EXPECT_EQ(said(program_),
            "main gradient of layer 2 down bf16[4,3]{tp:1 dp:partial}: summed 0 times over replicas, should be 1");
  backward().push_back(node);
  EXPECT_EQ(said(program_), "");
  backward().push_back(node);
  EXPECT_EQ(said(program_),
            "main gradient of layer 2 down bf16[4,3]{tp:1 dp:partial}: summed 2 times over replicas, should be 1");
}

TEST_F(VerifiesReplicas, NotBeforeItIsComplete) {
  std::iter_swap(backward().begin() + sum(), backward().begin() + sum() - 1);
  EXPECT_NE(said(program_).find("reduce_shares: layer 2 norm"), std::string::npos) << said(program_);
}

TEST_F(VerifiesReplicas, NotWithEveryMicrobatch) {
  backward()[static_cast<std::size_t>(sum())].when = When::always;
  EXPECT_EQ(said(program_), "reduce_shares: runs before the last microbatch");
}

TEST_F(VerifiesReplicas, GathersStayWithinThoseThatShare) {
  first<GatherShards>(program_.forward).group = Group::copies;
  EXPECT_EQ(said(program_), "gather_shards: layer 0 norm bf16[4] travels over dp, but is shared over shard");
}

TEST_F(VerifiesShards, AControlEdgeComesFromBefore) {
  Node& gather = program_.forward[places<GatherShards>(program_.forward).front()];
  gather.after = program_.output;
  EXPECT_EQ(said(program_), "gather_shards: waits for layer 2 sum bf16[4,4]{tp:0 dp:0}, which is made later");
}

}  // namespace
}  // namespace perfbench
