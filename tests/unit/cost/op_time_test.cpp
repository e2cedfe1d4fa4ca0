#include "cost/op_time.h"

#include <gtest/gtest.h>

#include <stdexcept>
#include <utility>
#include <vector>

#include "cost/attention_time.h"
#include "models/programs.h"
#include "program/signature.h"
#include "unit/cost/simple_constants.h"
#include "unit/support/jobs.h"

namespace perfbench {
namespace {

// Single ops on four tp ranks with constants that can be worked out in the head.
class OpTime : public ::testing::Test {
 protected:
  OpTime() {
    program_.mesh.size[Axis::tp] = 4;
    program_.mesh.size[Axis::dp] = 2;
    cost_.kernels = simple_constants();
    cost_.hardware = simple_hardware();
    cost_.stack.gemm_bf16 = 0.8;
    cost_.stack.gemm_fp8 = 0.5;
    cost_.stack.attention = 0.25;
    cost_.stack.dp_exposed = 0.1;
    cost_.groups[Group::tp] = {.ranks = 4, .ranks_per_domain = 4};
    cost_.groups[Group::copies] = {.ranks = 2, .ranks_per_domain = 2};
    cost_.neighbours = {.ranks = 2, .ranks_per_domain = 2};
    cost_.op_gap_s = 7e-6;
    cost_.tp_share = 0.5;
  }

  ValueId value(Shape shape, DType dtype = DType::bf16, StateKind state = StateKind::none) {
    program_.values.push_back({.type = {.shape = shape, .dtype = dtype, .placement = {}}, .state = state});
    return static_cast<ValueId>(program_.values.size() - 1);
  }
  std::vector<TimedStep> steps(const Op& op) const { return op_time(op, program_, cost_); }

  // The launch gap, then one kernel.
  void expect_kernel(const Op& op, double seconds, Part part) const {
    const std::vector<TimedStep> found = steps(op);
    ASSERT_EQ(found.size(), 2U);
    expect_step(found[0], Lane::compute, 7e-6, Part::launch);
    expect_step(found[1], Lane::compute, seconds, part);
  }
  static void expect_step(const TimedStep& step, Lane lane, double seconds, Part part) {
    EXPECT_EQ(name(step.lane), name(lane));
    EXPECT_EQ(name(step.part), name(part));
    EXPECT_NEAR(step.seconds, seconds, 1e-12);
  }

  Program program_;
  CostModel cost_;
};

TEST_F(OpTime, AProductTakesTheMeasuredTimeOverTheStacksRate) {
  // 2 x 1000 x 2000 x 500 = 2e9 FLOPs at 0.5e15: 4 us and 1 us launch, over 0.8.
  const Matmul op{.a = {value({1000, 500})}, .b = {value({2000, 500})}, .out = {value({1000, 2000})}};
  expect_kernel(op, 5e-6 / 0.8, Part::matmul);
  EXPECT_EQ(op_flops(op, program_), 2e9);
}

TEST_F(OpTime, AnFp8ProductHasItsOwnPeakAndRate) {
  const ValueId a = value({1000, 500}, DType::f8e5m2), b = value({2000, 500}, DType::f8e4m3);
  // Bytes: 1 x (1000 x 500 + 2000 x 500) + 2 x 1000 x 2000 = 5.5e6 at 2e12: 2.75 us, longer than 2e9 / 1e15 = 2 us.
  expect_kernel(Matmul{.a = {a}, .b = {b}, .out = {value({1000, 2000})}}, 3.75e-6 / 0.5, Part::matmul);
}

TEST_F(OpTime, AWeightGradientSumsOverTokens) {
  const Op plain = WeightGrad{.dy = {value({1000, 2000})}, .x = {value({1000, 500})}, .dw = {value({2000, 500})}};
  expect_kernel(plain, 5e-6 / 0.8, Part::matmul);
  EXPECT_EQ(op_flops(plain, program_), 2e9);
  const Op transposed = WeightGradAccumulate{
      .dy = {value({2000, 1000})}, .x = {value({500, 1000})}, .main_grad = {value({2000, 500})}, .transposed = true};
  expect_kernel(transposed, 5e-6 / 0.8, Part::matmul);
  EXPECT_EQ(op_flops(transposed, program_), 2e9);
}

TEST_F(OpTime, AttentionIsSlowedByTheStack) {
  const Heads heads{.heads = 8, .kv_heads = 2, .head_dim = 128};
  const Attention forward{.qkv = {value({4096, 1536})},
                          .out = {value({4096, 1024})},
                          .lse = {value({4096, 8}, DType::f32)},
                          .heads = heads,
                          .batch = 2,
                          .seq = 2048};
  // 2 products x 2 x 2 x 8 x 2048 x 1024 mean keys x 128 = 17.18e9 FLOPs at 0.5e15, and the launch.
  const double flops = 2.0 * 2.0 * 2 * 8 * 2048.0 * 1024.0 * 128.0;
  EXPECT_EQ(op_flops(forward, program_), flops);
  expect_kernel(forward, (1e-6 + flops / 0.5e15) / 0.25, Part::attention);

  const AttentionBackward backward{.dout = {value({4096, 1024})},
                                   .qkv = forward.qkv,
                                   .out = {forward.out.id},
                                   .lse = {forward.lse.id},
                                   .dqkv = {value({4096, 1536})},
                                   .heads = heads,
                                   .batch = 2,
                                   .seq = 2048};
  // The kernel works 2.5 times as much, at half the rate; the model's FLOPs are twice those of the forward.
  expect_kernel(backward, (1e-6 + 2.5 * flops / 0.25e15) / 0.25, Part::attention);
  EXPECT_EQ(op_flops(backward, program_), 2.0 * flops);
}

TEST_F(OpTime, AWaitIsBookedForWhomItIs) {
  program_.mesh.size[Axis::cp] = 4;
  cost_.groups[Group::cp] = {.ranks = 4, .ranks_per_domain = 4};
  AllReduce sum{.x = {value({64, 64})}, .out = {value({64, 64})}};
  const std::vector<std::pair<Axis, Part>> parts = {{Axis::tp, Part::tp_exposed},
                                                    {Axis::cp, Part::cp_exposed},
                                                    {Axis::ep, Part::ep_exposed},
                                                    {Axis::etp, Part::ep_exposed},
                                                    {Axis::dp, Part::dp_exposed}};
  for (const auto& [axis, part] : parts) {
    sum.axis = axis;
    EXPECT_EQ(steps(sum).at(0).lane, lane_of(group_of(axis)));
    EXPECT_EQ(steps(sum).at(0).part, part);
  }
  EXPECT_EQ(part_of(Group::expert_copies), Part::dp_exposed);
  EXPECT_EQ(part_of(Group::ends), Part::dp_exposed);
  EXPECT_THROW(part_of(Group::world), std::logic_error);
}

TEST_F(OpTime, OverTheRingARankWorksOnItsShareOfTheTriangleInBlocksOfItsOwnTokens) {
  program_.mesh.size[Axis::cp] = 4;
  const Attention op{.qkv = {value({2048, 1536})},
                     .out = {value({2048, 1024})},
                     .lse = {value({2048, 8}, DType::f32)},
                     .heads = {.heads = 8, .kv_heads = 2, .head_dim = 128},
                     .batch = 1,
                     .seq = 2048};
  // Samples of 8192 tokens: a quarter of 2 products x 2 x 8 heads x 8192 x 4096 mean keys x 128.
  const double flops = 2.0 * 2.0 * 8 * 8192.0 * 4096.0 * 128.0 / 4.0;
  EXPECT_EQ(op_flops(op, program_), flops);
  const std::vector<TimedStep> found = steps(op);
  expect_step(found[1], Lane::compute, (4 * 1e-6 + flops / 0.5e15) / 0.25, Part::attention);  // four launches
}

TEST_F(OpTime, PackedAttentionSeesItsOwnSubSequencesOnly) {
  program_.mesh.size[Axis::cp] = 4;
  Attention op{.qkv = {value({2048, 1536})},
               .starts = {value({2048}, DType::i64)},
               .out = {value({2048, 1024})},
               .lse = {value({2048, 8}, DType::f32)},
               .heads = {.heads = 8, .kv_heads = 2, .head_dim = 128},
               .batch = 1,
               .seq = 2048};
  op.attended = 200.0;
  EXPECT_EQ(op_flops(op, program_), 2.0 * 2.0 * 8 * 2048.0 * 100.0 * 128.0);  // over the ring or not
}

TEST_F(OpTime, ANormMovesEachOperandOnce) {
  const RmsNorm op{.x = {value({1000, 4000})},
                   .residual = {value({1000, 4000})},
                   .weight = {value({4000})},
                   .sum = {value({1000, 4000})},
                   .y = {value({1000, 4000})},
                   .rstd = {value({1000}, DType::f32)}};
  // Four tensors of 8e6 bytes, the weight of 8e3, 1 / rms of 4e3.
  EXPECT_EQ(op_bytes(op, program_), 4 * 8e6 + 8e3 + 4e3);
  expect_kernel(op, 1e-6 + 32.012e6 / 2e12, Part::memory_bound);
  EXPECT_EQ(op_flops(op, program_), 0.0);
}

TEST_F(OpTime, AnUpdatedStateIsReadAndWritten) {
  const Accumulate op{.dw = {value({100, 100})}, .main_grad = {value({100, 100}, DType::f32)}};
  EXPECT_EQ(op_bytes(op, program_), 2e4 + 2 * 4e4);
}

TEST_F(OpTime, ALookUpMovesOnlyTheRowsItNeeds) {
  const ValueId tokens = value({1000}, DType::i64), table = value({50000, 64});
  EXPECT_EQ(op_bytes(Embedding{.tokens = {tokens}, .weight = {table}, .out = {value({1000, 64})}}, program_),
            2 * 1000 * 64 * 2 + 8000);
}

TEST_F(OpTime, WeightsHeldInFp8AreOnlyTransposed) {
  const ValueId held = value({100, 100}, DType::f8e4m3), bf16 = value({100, 100});
  const ValueId q = value({100, 100}, DType::f8e4m3), q_t = value({100, 100}, DType::f8e4m3);
  EXPECT_EQ(op_bytes(CastWeight{.weight = {held}, .q_t = {q_t}}, program_), 1e4 + 1e4);
  EXPECT_EQ(op_bytes(CastWeight{.weight = {bf16}, .q = {q}, .q_t = {q_t}}, program_), 2e4 + 2e4 + 1e4 + 1e4);
}

TEST_F(OpTime, CollectivesOfActivationsRunOnTheTpLaneLessWhatTheirProductHides) {
  // 40 MB on 4 ranks: 30 MB sent at 250 GB/s = 120 us; 5 + 3 us latency; half of it is left.
  const ValueId shard = value({1000, 5000}), whole = value({4000, 5000});
  const auto gather = steps(AllGather{.x = {shard}, .out = {whole}});
  ASSERT_EQ(gather.size(), 1U);
  expect_step(gather[0], Lane::tp, 0.5 * 128e-6, Part::tp_exposed);
  const auto scatter = steps(ReduceScatter{.x = {whole}, .out = {shard}});
  ASSERT_EQ(scatter.size(), 1U);
  expect_step(scatter[0], Lane::tp, 0.5 * 128e-6, Part::tp_exposed);
  // An all-reduce goes round twice.
  const auto reduce = steps(AllReduce{.x = {whole}, .out = {whole}});
  ASSERT_EQ(reduce.size(), 1U);
  expect_step(reduce[0], Lane::tp, 0.5 * 248e-6, Part::tp_exposed);
  EXPECT_EQ(op_bytes(AllGather{.x = {shard}, .out = {whole}}, program_), 0.0);
}

TEST_F(OpTime, DataParallelTrafficSlowsTheComputeBesideIt) {
  const ValueId weight = value({1000, 5000}, DType::bf16, StateKind::weight);
  const ValueId grad = value({1000, 5000}, DType::f32, StateKind::main_grad);
  // 10 MB gathered by 2 ranks: 5 MB at 250 GB/s = 20 us, 6 us latency.
  const auto gather = steps(GatherParams{.weights = {{weight}}});
  ASSERT_EQ(gather.size(), 2U);
  expect_step(gather[0], Lane::compute, 2.6e-6, Part::dp_exposed);
  expect_step(gather[1], Lane::dp, 26e-6, Part::dp_exposed);
  // 20 MB of gradients: 40 us reduce-scattered, 80 us all-reduced.
  EXPECT_NEAR(steps(ReduceGrads{.main_grads = {{grad}}}).at(1).seconds, 46e-6, 1e-12);
  EXPECT_NEAR(steps(ReduceGrads{.main_grads = {{grad}}, .scatter = false}).at(1).seconds, 86e-6, 1e-12);
}

TEST_F(OpTime, PartialGradientsAreSummedOverTp) {
  const ValueId grad = value({1000, 2000}, DType::bf16, StateKind::main_grad);
  // 4 MB: 2 x 3 MB at 250 GB/s = 24 us, 8 us latency; no product hides it.
  const auto found = steps(ReducePartialGrads{.main_grads = {{grad}}});
  ASSERT_EQ(found.size(), 1U);
  expect_step(found[0], Lane::tp, 32e-6, Part::tp_exposed);
}

TEST_F(OpTime, CopiedRowsAreSummedOverTheirRanks) {
  const ValueId grad = value({1000, 2000}, DType::bf16, StateKind::main_grad);
  program_.mesh.kv_copies = 2;
  cost_.groups[Group::kv_copies] = {.ranks = 2, .ranks_per_domain = 2};
  // 2 MB of the 4, all-reduced by 2 ranks: 2 MB at 250 GB/s = 8 us, 6 us latency.
  const auto found = steps(ReduceCopiedRows{.main_grad = {grad}, .first_row = 500, .rows = 500});
  ASSERT_EQ(found.size(), 1U);
  expect_step(found[0], Lane::tp, 14e-6, Part::tp_exposed);
}

TEST_F(OpTime, CrossEntropyWaitsTwiceForTheOtherVocabularyShards) {
  const CrossEntropy op{.logits = {value({1000, 500})},
                        .targets = {value({1000}, DType::i64)},
                        .loss = {value({1}, DType::f32)},
                        .lse = {value({1000}, DType::f32)}};
  // 1e6 bytes of logits, 8e3 of targets, 4e3 and 4 written.
  const double kernel = 1e-6 + 1.012004e6 / 2e12;
  // The maximum of each row: 4 kB; then the sum of exponentials and the target's logit: 8 kB.
  const double maximum = 8e-6 + 2 * 4e3 * 0.75 / 250e9, sums = 8e-6 + 2 * 8e3 * 0.75 / 250e9;
  const auto found = steps(op);
  ASSERT_EQ(found.size(), 5U);
  expect_step(found[0], Lane::compute, 7e-6, Part::launch);
  expect_step(found[1], Lane::compute, kernel / 2, Part::memory_bound);
  expect_step(found[2], Lane::tp, maximum, Part::tp_exposed);
  expect_step(found[3], Lane::compute, kernel / 2, Part::memory_bound);
  expect_step(found[4], Lane::tp, sums, Part::tp_exposed);

  program_.mesh.size[Axis::tp] = 1;
  expect_kernel(op, kernel, Part::memory_bound);
}

TEST_F(OpTime, QuantisationReducesItsAmaxBetweenTwoPasses) {
  const ValueId x = value({1000, 4000}), q = value({1000, 4000}, DType::f8e4m3);
  const ValueId q_t = value({4000, 1000}, DType::f8e4m3), scale = value({1}, DType::f32);
  const double one_layout = 1e-6 + 10.0 * 4e6 / 4e12, two_layouts = 1e-6 + 1.2 * 10.0 * 4e6 / 4e12;
  expect_kernel(Quantize{.x = {x}, .q = {q}, .scale = {scale}}, one_layout, Part::memory_bound);
  expect_kernel(Quantize{.x = {x}, .q = {q}, .q_t = {q_t}, .scale = {scale}}, two_layouts, Part::memory_bound);

  const auto split = steps(Quantize{.x = {x}, .q = {q}, .scale = {scale}, .amax_over_tp = true});
  ASSERT_EQ(split.size(), 4U);
  expect_step(split[1], Lane::compute, one_layout / 3, Part::memory_bound);
  expect_step(split[2], Lane::tp, 8e-6 + 2 * 4 * 0.75 / 250e9, Part::tp_exposed);
  expect_step(split[3], Lane::compute, one_layout * 2 / 3, Part::memory_bound);
}

TEST_F(OpTime, TheUpdateIsSharedByTheRanksThatHoldTheStates) {
  const ValueId weight = value({1000, 1000}, DType::bf16, StateKind::weight);
  const ValueId grad = value({1000, 1000}, DType::bf16, StateKind::main_grad);
  const AdamW op{.weights = {{weight}}, .main_grads = {{grad}}, .shards = 4, .state_bytes = 12};
  // 12 bytes read and written, 2 of gradient read, 2 of weight written, per parameter and for a quarter of them.
  EXPECT_EQ(op_bytes(op, program_), 1e6 * (24 + 2 + 2) / 4);
  expect_kernel(op, 1e-6 + 7e6 / 2e12, Part::optimizer);
  EXPECT_EQ(op_bytes(GradNorm{.main_grads = {{grad}}, .shards = 4}, program_), 0.5e6);
}

TEST_F(OpTime, ATransferToTheNextStage) {
  EXPECT_NEAR(send_time_s(250e6, cost_), 5e-6 + 1e-3, 1e-12);
  cost_.neighbours.ranks_per_domain = 1;  // between domains: one NIC of 50 GB/s at 0.8
  EXPECT_NEAR(send_time_s(40e6, cost_), 10e-6 + 1e-3, 1e-12);
}

TEST(CostModelOf, GraphsShrinkTheGapAndOverlapTheTpShare) {
  Job job = tiny_job(2, {.tp = 2});
  job.stack.constants.op_gap_s = 8e-6;
  job.stack.constants.graphs_gap_factor = 0.25;
  job.stack.constants.tp_exposed = 0.7;
  job.stack.constants.tp_exposed_overlapped = 0.4;
  EXPECT_DOUBLE_EQ(cost_model(job, simple_constants()).op_gap_s, 8e-6);
  EXPECT_DOUBLE_EQ(cost_model(job, simple_constants()).tp_share, 0.7);
  job.cuda_graphs = true;
  job.stack.tp_overlap = true;
  EXPECT_DOUBLE_EQ(cost_model(job, simple_constants()).op_gap_s, 2e-6);
  EXPECT_DOUBLE_EQ(cost_model(job, simple_constants()).tp_share, 0.4);
  job.stack.tp_overlap_exceptions = {"llama"};
  EXPECT_DOUBLE_EQ(cost_model(job, simple_constants()).tp_share, 0.7);
}

// K and V of 1000 tokens, 2 heads of 64 dims: 512 kB to a neighbour in the same domain, 3 times over 4 ranks; in the
// backward 3 times and, with their gradients, 4 times. Attention hides three quarters of it.
TEST_F(OpTime, TheRingIsChargedByWhatAttentionLeavesExposed) {
  program_.mesh.size[Axis::cp] = 4;
  cost_.groups[Group::cp] = {.ranks = 4, .ranks_per_domain = 4};
  cost_.stack.cp_exposed = 0.25;
  const double send = send_time_s(512e3, cost_);
  const ValueId qkv = value({1000, 512}), out = value({1000, 256});
  const Heads heads{.heads = 4, .kv_heads = 2, .head_dim = 64};
  Attention forward{.qkv = {qkv}, .out = {out}, .lse = {value({1000, 4}, DType::f32)}, .heads = heads};
  forward.batch = 1;
  forward.seq = 1000;
  const auto once = steps(forward);
  ASSERT_EQ(once.size(), 3U);
  EXPECT_NEAR(once[2].seconds, 0.25 * 3 * send, 1e-12);
  EXPECT_EQ(name(once[2].lane), name(Lane::cp));

  AttentionBackward backward{.dout = {out}, .qkv = {qkv}, .out = {out}, .lse = {forward.lse.id}};
  backward.dqkv = {qkv};
  backward.heads = heads;
  backward.batch = 1;
  backward.seq = 1000;
  const auto twice = steps(backward);
  ASSERT_EQ(twice.size(), 4U);
  EXPECT_NEAR(twice[2].seconds, 0.25 * 3 * send, 1e-12);
  EXPECT_NEAR(twice[3].seconds, 0.25 * 4 * send, 1e-12);

  cost_.groups[Group::cp].ranks_per_domain = 2;  // the ring leaves the domain: its slowest pair does
  EXPECT_GT(steps(forward)[2].seconds, once[2].seconds);
}

// A kernel of the table takes its measured time, gap included; its hidden collectives stay modelled and split it.
TEST_F(OpTime, AMeasuredKernelTakesItsMeasuredTime) {
  const ValueId x = value({1000, 500}), q = value({1000, 500}, DType::f8e4m3);
  const Op quantize = Quantize{.x = {x}, .q = {q}, .scale = {value({1}, DType::f32)}, .amax_over_tp = true};
  const Op other = Add{.a = {x}, .b = {x}, .out = {x}};
  const std::vector<TimedStep> modelled = steps(quantize), before = steps(other);
  auto table = std::make_shared<KernelTable>();
  table->kernels[signature(quantize, program_)] = {.seconds = 9e-6, .runs = 3};
  cost_.measured = table;

  const std::vector<TimedStep> measured = steps(quantize);
  ASSERT_EQ(modelled.size(), 4U);
  ASSERT_EQ(measured.size(), 3U);  // without the gap
  expect_step(measured[0], Lane::compute, 3e-6, Part::memory_bound);
  expect_step(measured[1], Lane::tp, modelled[2].seconds, Part::tp_exposed);
  expect_step(measured[2], Lane::compute, 6e-6, Part::memory_bound);
  EXPECT_TRUE(measured[0].measured && measured[2].measured);
  EXPECT_FALSE(measured[1].measured);

  const std::vector<TimedStep> after = steps(other);  // not in the table
  ASSERT_EQ(after.size(), 2U);
  EXPECT_EQ(after[1].seconds, before[1].seconds);
  EXPECT_FALSE(after[1].measured);
}

TEST_F(OpTime, WithoutADataSheetOnlyWhatWasMeasuredTakesTime) {
  cost_.hardware = {};
  cost_.has_data_sheet = false;
  const Op add = Add{.a = {value({1000})}, .b = {value({1000})}, .out = {value({1000})}};
  expect_kernel(add, 0.0, Part::memory_bound);
  EXPECT_EQ(send_time_s(1e6, cost_), 0.0);
  EXPECT_EQ(steps(AllReduce{.x = {value({1000})}, .out = {value({1000})}})[0].seconds, 0.0);
}

}  // namespace
}  // namespace perfbench
