#include "program/verify.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "program/backward.h"
#include "program/builder.h"
#include "program/passes.h"
#include "unit/support/fault.h"

namespace perfbench {
namespace {

// A norm and an MLP on tp 2 and dp 2; 8 tokens of width 4, ffn 6.
Program small_chunk(const Policy& policy, int dp = 2) {
  Program program;
  program.axis_size[Axis::tp] = 2;
  program.axis_size[Axis::dp] = dp;
  Builder build(program, policy);
  program.input = build.boundary("input", {policy.sequence_parallel ? 4 : 8, 4});
  RmsNorm norm{.x = {program.input}, .weight = {build.weight("norm", {4}, kReplicated, {})}};
  norm = build.emit(norm, {nullptr, "x", "rstd"});
  const ValueId pair = build.column_linear(norm.y.id, {.name = "up"}, 6, "pair");
  const SwiGlu act = build.emit(SwiGlu{.x = {pair}}, {"act"});
  const ValueId out = build.row_linear(act.y.id, {.name = "down"}, 4, "mlp_out");
  program.output = build.emit(Add{.a = {program.input}, .b = {out}}, {"output"}).out.id;
  derive_backward(program, policy);
  add_data_parallel(program, policy);
  add_optimizer(program, policy);
  return program;
}

Policy sequence_parallel() { return {.sequence_parallel = true, .fused_grad_accumulation = false}; }

ValueId named(const Program& program, const std::string& name, StateKind state = StateKind::none) {
  for (std::size_t i = 0; i < program.values.size(); ++i) {
    if (program.values[i].name == name && program.values[i].state == state) return static_cast<ValueId>(i);
  }
  ADD_FAILURE() << "no value " << name;
  return kNoValue;
}

template <class OpType>
std::vector<Node>::iterator node_of(std::vector<Node>& nodes) {
  const auto it = std::find_if(nodes.begin(), nodes.end(),
                               [](const Node& node) { return std::holds_alternative<OpType>(node.op); });
  EXPECT_NE(it, nodes.end()) << "no " << OpType::kName;
  return it;
}

std::string said(const Program& program) {
  return fault([&] { verify(program); });
}

class Verifies : public ::testing::Test {
 protected:
  const Policy policy_ = sequence_parallel();
  Program program_ = small_chunk(policy_);
};

TEST_F(Verifies, TheRightProgram) {
  EXPECT_EQ(said(program_), "");
  EXPECT_EQ(said(small_chunk({.sequence_parallel = false})), "");
  EXPECT_EQ(said(small_chunk({.fp8 = true, .fp8_transposes = true, .sequence_parallel = true})), "");
  EXPECT_EQ(said(small_chunk(policy_, 1)), "");
}

TEST_F(Verifies, AValueIsMadeBeforeItIsRead) {
  std::swap(*node_of<SwiGlu>(program_.forward), *node_of<Matmul>(program_.forward));
  EXPECT_EQ(said(program_), "swiglu: pair bf16[8,6]{tp:1 dp:0} is read before it is made");
}

TEST_F(Verifies, AValueIsMadeOnce) {
  const Node twice = *node_of<SwiGlu>(program_.forward);
  program_.forward.push_back(twice);
  EXPECT_EQ(said(program_), "swiglu: act bf16[8,3]{tp:1 dp:0} is made twice");
}

TEST_F(Verifies, AnOutputHasTheTypeThatFollowsFromTheInputs) {
  program_[named(program_, "pair")].type.placement[Axis::tp] = kReplicated;
  EXPECT_EQ(said(program_), "matmul: pair bf16[8,6]{dp:0} should be bf16[8,6]{tp:1 dp:0}");
}

TEST_F(Verifies, AnOperandIsAValueOfTheProgram) {
  std::get<SwiGlu>(node_of<SwiGlu>(program_.forward)->op).x.id = 10000;
  EXPECT_EQ(said(program_), "swiglu: an operand is no value of the Program");
}

TEST_F(Verifies, OnlyStatesAreUpdated) {
  auto& accumulate = std::get<Accumulate>(node_of<Accumulate>(program_.backward)->op);
  accumulate.main_grad.id = named(program_, "act");
  EXPECT_EQ(said(program_), "accumulate: act bf16[8,3]{tp:1 dp:0} is updated and no state");
}

TEST_F(Verifies, WhatLeavesTheChunkIsWhole) {
  // The chunk ends with the row-parallel product itself; its sum over tp is forgotten.
  program_.output = std::get<Matmul>(program_.forward[program_.forward.size() - 3].op).out.id;
  EXPECT_EQ(said(program_), "output: mlp_out bf16[8,4]{tp:partial dp:0} leaves the chunk as a partial sum over tp");
}

TEST_F(Verifies, AGradientLiesAsItsValue) {
  program_.grad_input = named(program_, "act");
  EXPECT_EQ(said(program_), "grad_input: act bf16[8,3]{tp:1 dp:0} does not lie as input input bf16[4,4]{tp:0 dp:0}");
}

TEST_F(Verifies, EveryTrainableWeightHasAMainGradient) {
  Value extra = program_[named(program_, "up", StateKind::weight)];
  extra.name = "forgotten";
  program_.values.push_back(extra);
  EXPECT_EQ(said(program_), "forgotten bf16[6,4]{tp:0}: has 0 main gradients, should have 1");
  program_.values.back().trainable = false;
  EXPECT_EQ(said(program_), "");
}

TEST_F(Verifies, AMainGradientThatIsPartialOverTpIsReducedOnce) {
  auto& nodes = program_.backward;
  const Node reduce = *node_of<ReducePartialGrads>(nodes);
  nodes.push_back(reduce);
  EXPECT_EQ(said(program_),
            "main gradient of norm bf16[4]{tp:partial dp:partial}: reduced 2 times over tp, should be 1");
  nodes.pop_back();
  nodes.erase(node_of<ReducePartialGrads>(nodes));
  EXPECT_EQ(said(program_),
            "main gradient of norm bf16[4]{tp:partial dp:partial}: reduced 0 times over tp, should be 1");
}

TEST_F(Verifies, EveryMainGradientIsReducedOnceOverDp) {
  program_.backward.erase(node_of<ReduceGrads>(program_.backward));
  const std::string missing = said(program_);
  EXPECT_NE(missing.find("reduced 0 times over dp, should be 1"), std::string::npos) << missing;

  Program alone = small_chunk(policy_, 1);
  const InOut grad{named(alone, "up", StateKind::main_grad)};
  alone.backward.push_back({.op = ReduceGrads{.main_grads = {grad}}, .when = When::last_microbatch});
  EXPECT_EQ(said(alone), "main gradient of up bf16[6,4]{tp:0}: reduced 1 times over dp, should be 0");
}

TEST_F(Verifies, SumsAreReducedWhenTheyAreComplete) {
  Program early = program_;
  node_of<ReduceGrads>(early.backward)->when = When::always;
  EXPECT_EQ(said(early), "reduce_grads: runs before the last microbatch");

  const auto reduction = node_of<ReduceGrads>(program_.backward);
  const Node node = *reduction;
  program_.backward.erase(reduction);
  program_.backward.insert(program_.backward.begin(), node);
  const std::string overtaken = said(program_);
  EXPECT_NE(overtaken.find("after its reduction"), std::string::npos) << overtaken;
}

TEST_F(Verifies, EachUseOfAWeightIsAddedToItsMainGradientOnce) {
  auto& nodes = program_.backward;
  const auto sum = node_of<Accumulate>(nodes);  // of the last linear
  const Node node = *sum;
  nodes.insert(sum, node);
  EXPECT_EQ(said(program_),
            "main gradient of down bf16[4,3]{tp:1 dp:partial}: added to 2 times, should be 1, as often as it is used");
  nodes.erase(node_of<Accumulate>(nodes));
  EXPECT_EQ(said(program_), "");
  nodes.erase(node_of<Accumulate>(nodes));
  const std::string missing = said(program_);
  EXPECT_NE(missing.find("added to 0 times, should be 1"), std::string::npos) << missing;
}

TEST_F(Verifies, EachNodeRunsWithItsMicrobatches) {
  Program partly = program_;
  node_of<Accumulate>(partly.backward)->when = When::last_microbatch;
  EXPECT_EQ(said(partly), "accumulate: should run with every microbatch");
  node_of<GatherParams>(program_.forward)->when = When::always;
  EXPECT_EQ(said(program_), "gather_params: should run with the first microbatch alone");
}

TEST_F(Verifies, AScatteredWeightIsGatheredOnceBeforeItIsRead) {
  auto& nodes = program_.forward;
  const Node gather = *node_of<GatherParams>(nodes);
  nodes.push_back(gather);
  const std::string twice = said(program_);
  EXPECT_NE(twice.find("gathered 2 times over dp, should be 1"), std::string::npos) << twice;
  nodes.erase(nodes.begin());
  EXPECT_EQ(said(program_), "rms_norm: reads norm bf16[4] before it is gathered");

  Program whole = small_chunk({.sequence_parallel = true, .distributed_optimizer = false});
  whole.forward.insert(whole.forward.begin(), gather);
  const std::string needless = said(whole);
  EXPECT_NE(needless.find("gathered 1 times over dp, should be 0"), std::string::npos) << needless;
}

TEST_F(Verifies, TheOptimizerTakesEveryMainGradientOnce) {
  Program unnormed = program_;
  std::get<GradNorm>(node_of<GradNorm>(unnormed.optimizer)->op).main_grads.pop_back();
  const std::string norm = said(unnormed);
  EXPECT_NE(norm.find("grad_norm: takes the main gradient of"), std::string::npos) << norm;
  EXPECT_NE(norm.find("0 times, should be once"), std::string::npos) << norm;

  Program crossed = program_;
  auto& adamw = std::get<AdamW>(node_of<AdamW>(crossed.optimizer)->op);
  std::swap(adamw.weights.front(), adamw.weights.back());
  const std::string other = said(crossed);
  EXPECT_NE(other.find("is not given its own weight"), std::string::npos) << other;

  program_.optimizer.push_back(*node_of<AdamW>(program_.optimizer));
  const std::string twice = said(program_);
  EXPECT_NE(twice.find("2 times, should be once"), std::string::npos) << twice;
}

// The optimizer in two ops: the last main gradient and its weight go to the second.
void split_update(Program& program) {
  AdamW& first = std::get<AdamW>(node_of<AdamW>(program.optimizer)->op);
  AdamW second = first;
  second.main_grads = {first.main_grads.back()};
  second.weights = {first.weights.back()};
  first.main_grads.pop_back();
  first.weights.pop_back();
  program.optimizer.push_back({.op = second});
}

TEST_F(Verifies, AnUpdateTakesWholeBuckets) {
  split_update(program_);
  EXPECT_EQ(said(program_), "adamw: takes a part of the bucket of down bf16[4,3]{tp:1 dp:partial}");
  for (const Policy& policy : {Policy{.sequence_parallel = true, .bucket_elements = 12},
                               Policy{.sequence_parallel = true, .distributed_optimizer = false}}) {
    Program program = small_chunk(policy);
    split_update(program);
    EXPECT_EQ(said(program), "");
  }
}

TEST_F(Verifies, NeighboursAgree) {
  Program other = program_;
  other[other.input].type.placement[Axis::tp] = kReplicated;
  EXPECT_EQ(fault([&] {
              verify(std::vector<Program>{program_, other});
            }),
            "activation: one chunk sends bf16[4,4]{tp:0 dp:0}, another expects bf16[4,4]{dp:0}");
  other = program_;
  other[other.grad_input].type.dtype = DType::f32;
  EXPECT_EQ(fault([&] {
              verify(std::vector<Program>{program_, other});
            }),
            "gradient: one chunk sends f32[4,4]{tp:0 dp:0}, another expects bf16[4,4]{tp:0 dp:0}");
  EXPECT_EQ(fault([&] { verify(std::vector<Program>{program_, program_}); }), "");
}

// Under sequence parallelism each tp rank's norm sees other tokens, so its weight gradient is a summand; without it all
// ranks see the same.
TEST(Backward, DerivesThatNormGradientsArePartialOverTpOnlyUnderSequenceParallelism) {
  for (const bool split_sequence : {true, false}) {
    const Program program = small_chunk({.sequence_parallel = split_sequence});
    const auto& norm = program.type(named(program, "norm", StateKind::main_grad)).placement;
    EXPECT_EQ(norm[Axis::tp].is_partial(), split_sequence);
    EXPECT_TRUE(norm[Axis::dp].is_partial());
    const auto& up = program.type(named(program, "up", StateKind::main_grad)).placement;
    EXPECT_TRUE(up[Axis::tp].is_split(0));
    EXPECT_TRUE(up[Axis::dp].is_partial());
    const auto& down = program.type(named(program, "down", StateKind::main_grad)).placement;
    EXPECT_TRUE(down[Axis::tp].is_split(1));
  }
}

template <class OpType>
std::ptrdiff_t count(const std::vector<Node>& nodes) {
  return std::count_if(nodes.begin(), nodes.end(),
                       [](const Node& node) { return std::holds_alternative<OpType>(node.op); });
}

TEST(Backward, LeavesOutWhatAFrozenWeightWouldNeed) {
  const Policy policy{.fused_grad_accumulation = false};
  Program program;
  Builder build(program, policy);
  program.input = build.boundary("input", {8, 4});
  const ValueId frozen = build.weight("frozen", {6, 4}, kReplicated, {});
  program[frozen].trainable = false;
  program.output = build.emit(Matmul{.a = {program.input}, .b = {frozen}}, {"out"}).out.id;
  derive_backward(program, policy);
  EXPECT_EQ(count<WeightGrad>(program.backward), 0);
  EXPECT_EQ(count<Matmul>(program.backward), 1);  // the gradient of the input
  EXPECT_EQ(said(program), "");
}

TEST(FuseGradAccumulation, MakesOneKernelOfTheGradientAndItsSum) {
  Program program = small_chunk(sequence_parallel());
  const auto norms = count<Accumulate>(program.backward) - count<WeightGrad>(program.backward);
  fuse_grad_accumulation(program);
  EXPECT_EQ(count<WeightGrad>(program.backward), 0);
  EXPECT_EQ(count<WeightGradAccumulate>(program.backward), 2);
  EXPECT_EQ(count<Accumulate>(program.backward), norms);
  EXPECT_EQ(said(program), "");
}

TEST(DataParallel, BucketsLeaveAfterTheirLastWriter) {
  // By last writer: down (4 x 3), up (6 x 4), norm (4). 12 elements fill the first bucket, 24 the second.
  const Program program = small_chunk({.sequence_parallel = true, .bucket_elements = 12});
  std::vector<std::size_t> sizes;
  for (const Node& node : program.backward) {
    if (const auto* reduce = std::get_if<ReduceGrads>(&node.op)) {
      sizes.push_back(reduce->main_grads.size());
      EXPECT_EQ(node.when, When::last_microbatch);
    }
  }
  EXPECT_EQ(sizes, (std::vector<std::size_t>{1, 1, 1}));
  EXPECT_EQ(count<GatherParams>(program.forward), 3);  // the same buckets, the last of them first
  const auto& first = std::get<GatherParams>(program.forward.front().op);
  EXPECT_EQ(first.weights.front().id, named(program, "norm", StateKind::weight));
}

TEST(DataParallel, WithoutADistributedOptimizerNothingIsGathered) {
  const Program program = small_chunk({.sequence_parallel = true, .distributed_optimizer = false});
  EXPECT_EQ(count<GatherParams>(program.forward), 0);
  for (const Node& node : program.backward) {
    const auto* reduce = std::get_if<ReduceGrads>(&node.op);
    EXPECT_FALSE(reduce != nullptr && reduce->scatter);
  }
  EXPECT_EQ(std::get<AdamW>(program.optimizer.back().op).shards, 1);
}

}  // namespace
}  // namespace perfbench
