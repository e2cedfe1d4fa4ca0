// The optimizer's ops read the buckets that they name.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "ops/op_run.h"
#include "program/backward.h"
#include "program/builder.h"
#include "program/passes.h"

namespace perfbench {
namespace {

// Three products, each weight in a bucket of its own where `bucket_elements` is small.
Program three_products(const Policy& policy, int dp) {
  Program program;
  program.axis_size[Axis::dp] = dp;
  Builder build(program, policy);
  ValueId x = program.input = build.boundary("input", {2, 5});
  for (const char* name : {"a", "b", "c"}) {
    const ValueId weight = build.weight(name, {5, 5}, kReplicated, {});
    x = build.emit(Matmul{.a = {x}, .b = {weight}}, {"x"}).out.id;
  }
  program.output = x;
  derive_backward(program, policy);
  add_data_parallel(program, policy);
  add_optimizer(program, policy);
  return program;
}

// One rank's states of the Program, its shares full of numbers of their own.
struct Optimizer {
  explicit Optimizer(const Program& program, const Policy& policy)
      : rank(lone_rank(at::kCPU)),
        chunk(make_chunk(program, policy, 0, 0, at::kCPU)),
        table(program.values.size()),
        frame(rank, chunk, table) {
    const at::Generator random = at::detail::createCPUGenerator(3);
    for (Share& share : chunk.shares) {
      share.master.copy_(at::randn(share.master.sizes(), random, at::TensorOptions()));
      share.main_grad.copy_(at::randn(share.main_grad.sizes(), random, at::TensorOptions()));
      share.weight.copy_(share.master);
    }
  }
  Optimizer(const Optimizer&) = delete;  // the frame points into it
  Optimizer& operator=(const Optimizer&) = delete;

  std::vector<at::Tensor> masters() const {
    std::vector<at::Tensor> copies;
    for (const Share& share : chunk.shares) copies.push_back(share.master.clone());
    return copies;
  }

  Rank rank;
  Chunk chunk;
  ValueTable table;
  Frame frame;
};

// The op for the main gradients from `first` on, `count` of them.
template <class OpType>
OpType some_of(const Program& program, std::size_t first, std::size_t count) {
  const auto it =
      std::ranges::find_if(program.optimizer, [](const Node& node) { return std::holds_alternative<OpType>(node.op); });
  OpType op = std::get<OpType>(it->op);
  const auto cut = [&](InOutList& list) {
    const auto begin = list.begin() + static_cast<std::ptrdiff_t>(first);
    list = InOutList(begin, begin + static_cast<std::ptrdiff_t>(count));
  };
  cut(op.main_grads);
  if constexpr (requires { op.weights; }) cut(op.weights);
  return op;
}

// Whole weights, and shares of one bucket a weight; float32 and bf16 gradients.
struct Case {
  Policy policy;
  int dp = 1;
};
std::vector<Case> cases() {
  std::vector<Case> list;
  for (const DType main_grad : {DType::f32, DType::bf16}) {
    list.push_back({.policy = {.main_grad = main_grad}, .dp = 1});
    list.push_back({.policy = {.main_grad = main_grad, .bucket_elements = 1}, .dp = 2});
  }
  return list;
}

TEST(OptimizerOps, TwoUpdatesOfDisjointBucketsAreOne) {
  for (const Case& c : cases()) {
    const Program program = three_products(c.policy, c.dp);
    Optimizer one(program, c.policy), two(program, c.policy);
    run(some_of<AdamW>(program, 0, 3), one.frame);
    run(some_of<AdamW>(program, 0, 1), two.frame);
    run(some_of<AdamW>(program, 1, 2), two.frame);
    for (std::size_t i = 0; i < 3; ++i) {
      EXPECT_TRUE(one.chunk.shares[i].master.equal(two.chunk.shares[i].master));
      EXPECT_TRUE(one.chunk.shares[i].weight.equal(two.chunk.shares[i].weight));
      EXPECT_TRUE(one.chunk.shares[i].moment.equal(two.chunk.shares[i].moment));
    }
  }
}

TEST(OptimizerOps, AnUpdateLeavesOtherBucketsAsTheyAre) {
  for (const Case& c : cases()) {
    const Program program = three_products(c.policy, c.dp);
    Optimizer optimizer(program, c.policy);
    const AdamW second = some_of<AdamW>(program, 1, 1);
    const std::vector<at::Tensor> before = optimizer.masters();
    run(second, optimizer.frame);
    for (std::size_t i = 0; i < 3; ++i) {
      const Share& share = optimizer.chunk.shares[i];
      const bool named = share.main_grads.front().id == second.main_grads.front().id;
      EXPECT_EQ(share.master.equal(before[i]), !named);
    }
  }
}

TEST(OptimizerOps, ANormIsOfTheGradientsThatItNames) {
  for (const Case& c : cases()) {
    const Program program = three_products(c.policy, c.dp);
    Optimizer optimizer(program, c.policy);
    const GradNorm last = some_of<GradNorm>(program, 2, 1);
    run(last, optimizer.frame);
    double squared = 0.0;
    for (const Share& share : optimizer.chunk.shares) {
      if (share.main_grads.front().id == last.main_grads.front().id)
        squared = share.main_grad.to(at::kDouble).square().sum().item<double>();
    }
    EXPECT_GT(squared, 0.0);
    EXPECT_NEAR(optimizer.rank.grad_norm_squared.item<double>(), squared, 1e-6 * squared);
  }
}

// A share is a range of the whole bucket.
TEST(OptimizerOps, AreRefusedAPartOfABucket) {
  const Policy policy{.main_grad = DType::f32};  // one bucket
  const Program program = three_products(policy, 2);
  Optimizer optimizer(program, policy);
  EXPECT_THROW(run(some_of<AdamW>(program, 0, 2), optimizer.frame), std::logic_error);
  EXPECT_THROW(run(some_of<GradNorm>(program, 2, 1), optimizer.frame), std::logic_error);
  EXPECT_NO_THROW(run(some_of<AdamW>(program, 0, 3), optimizer.frame));
}

// Over replicas, too: a list that is no bucket would move another one's buffer.
TEST(OptimizerOps, AReductionIsOfAWholeBucket) {
  const Policy policy{.main_grad = DType::f32};
  const Program program = three_products(policy, 2);
  Optimizer optimizer(program, policy);
  ReduceGrads part;
  part.main_grads = some_of<GradNorm>(program, 0, 1).main_grads;
  EXPECT_THROW(run(part, optimizer.frame), std::logic_error);
}

}  // namespace
}  // namespace perfbench
