#include "ops/op_cases.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <iostream>
#include <set>
#include <string>
#include <utility>

#include "cost/op_time.h"
#include "ops/autograd.h"
#include "ops/op_run.h"
#include "program/verify.h"

namespace perfbench {
namespace {

constexpr double kBf16Share = 1.6e-2;  // the widest bound of the table

std::vector<const Node*> all_nodes(const Program& program) {
  std::vector<const Node*> nodes;
  for (const auto* phase : {&program.forward, &program.backward, &program.optimizer}) {
    for (const Node& node : *phase) nodes.push_back(&node);
  }
  return nodes;
}

class OpCases : public testing::TestWithParam<OpCase> {};

TEST_P(OpCases, Verifies) {
  const OpCase& c = GetParam();
  EXPECT_NO_THROW(verify(c.program));
  const auto nodes = all_nodes(c.program);
  EXPECT_TRUE(std::any_of(nodes.begin(), nodes.end(), [&](const Node* node) { return name(node->op) == c.op; }))
      << "the case is about an op that it does not hold";
}

TEST_P(OpCases, AgreesWithAutogradOnCpu) { expect_like_autograd(GetParam(), at::kCPU); }

TEST_P(OpCases, AgreesWithAutogradOnGpu) {
  if (!torch::cuda::is_available()) GTEST_SKIP() << "no CUDA device: the engine's ops are NOT tested on a GPU here";
  expect_like_autograd(GetParam(), at::Device(at::kCUDA, 0));
}

// Of a product: one for the gradient of each factor, a frozen weight's left out.
int products_of_backward(const Op& op, const Program& program) {
  const auto* product = std::get_if<Matmul>(&op);
  return product != nullptr && !program[product->b.id].trainable ? 1 : 2;
}

// Of the op itself, and the rule that a backward does as many FLOPs as the forward for each factor of its products.
TEST_P(OpCases, CostsWhatIsCountedByHand) {
  const OpCase& c = GetParam();
  double expected = 0.0, backward = 0.0;
  for (const Node& node : c.program.forward) {
    expected += products_of_backward(node.op, c.program) * op_flops(node.op, c.program);
    if (name(node.op) != c.op) continue;
    EXPECT_DOUBLE_EQ(op_flops(node.op, c.program), c.flops);
    EXPECT_DOUBLE_EQ(op_bytes(node.op, c.program), c.bytes);
  }
  for (const Node& node : c.program.backward) backward += op_flops(node.op, c.program);
  EXPECT_DOUBLE_EQ(backward, expected);
}

// Five steps of the case's own Program, its gradients given to both sides.
TEST_P(OpCases, OptimizerIsTorchs) {
  const OpCase& c = GetParam();
  const std::vector<ValueId> grads = states(c.program, StateKind::main_grad);
  if (grads.empty()) return;  // no weights: nothing to optimise
  OpRun engine(c, at::kCPU);
  const ValueTable inputs = random_inputs(c, 3);
  engine.load_weights(inputs);
  std::vector<torch::Tensor> parameters;
  for (ValueId grad : grads) {
    const ValueId weight = c.program[grad].weight;
    parameters.push_back(inputs[static_cast<std::size_t>(weight)].to(torch::kFloat, false, true).requires_grad_(true));
  }
  const OptimizerSettings o = engine.rank().optimizer;
  torch::optim::AdamW torchs(parameters, torch::optim::AdamWOptions(o.learning_rate)
                                             .betas({o.beta1, o.beta2})
                                             .eps(o.epsilon)
                                             .weight_decay(o.weight_decay));
  for (std::uint64_t step = 0; step < 5; ++step) {
    for (ValueId grad : grads) at::Tensor(engine.state(grad)).zero_();
    engine.pass(random_inputs(c, step));
    engine.rank().grad_norm_squared.zero_();
    engine.optimize();
    std::vector<torch::Tensor> norms;
    for (std::size_t i = 0; i < grads.size(); ++i) {
      parameters[i].mutable_grad() = engine.state(grads[i]).to(torch::kFloat, false, true);
      norms.push_back(torch::linalg_vector_norm(parameters[i].grad().to(torch::kDouble), 2));
    }
    const double norm = torch::linalg_vector_norm(torch::stack(norms), 2).item<double>();
    EXPECT_NEAR(std::sqrt(engine.rank().grad_norm_squared.item<double>()), norm, 1e-6 * norm);
    torchs.step();
  }
  for (std::size_t i = 0; i < grads.size(); ++i) {  // the order of shares is that of main gradients
    const torch::Tensor expected = parameters[i].detach().to(torch::kDouble);
    EXPECT_EQ(difference(engine.chunk().shares[i].master.view_as(expected), expected, 1e-6), "") << "master weight";
    const torch::Tensor& weight = engine.state(c.program[grads[i]].weight);
    EXPECT_TRUE(torch::equal(weight, engine.chunk().shares[i].master.view_as(weight).to(weight.scalar_type())));
  }
}

std::vector<OpCase> attention_cases() {
  std::vector<OpCase> cases = op_cases();
  std::erase_if(cases, [](const OpCase& c) { return c.op != Attention::kName; });
  return cases;
}

class AttentionCases : public testing::TestWithParam<OpCase> {};

TEST_P(AttentionCases, AgreeOnGpuWhereCudnnHasNoKernel) {
  if (!torch::cuda::is_available()) GTEST_SKIP() << "no CUDA device: FlashAttention is NOT tested on a GPU here";
  expect_like_autograd(GetParam(), at::Device(at::kCUDA, 0), [](Rank& rank) { rank.cudnn_refused = true; });
}

// BF16 in whole tiles: what cuDNN and FlashAttention have kernels for.
std::vector<OpCase> tile_cases() {
  std::vector<OpCase> cases = attention_cases();
  std::erase_if(cases, [](const OpCase& c) {
    return std::ranges::none_of(c.program.forward, [&](const Node& node) {
      const auto* op = std::get_if<Attention>(&node.op);
      return op != nullptr && op->seq % 64 == 0 && c.program.type(op->qkv.id).dtype == DType::bf16;
    });
  });
  return cases;
}

class TileCases : public testing::TestWithParam<OpCase> {};

TEST_P(TileCases, TakeTheFusedKernelsOnGpu) {
  if (!torch::cuda::is_available()) GTEST_SKIP() << "no CUDA device: cuDNN is NOT tested on a GPU here";
  OpRun engine(GetParam(), at::Device(at::kCUDA, 0));
  const ValueTable inputs = random_inputs(GetParam(), 7);
  engine.load_weights(inputs);
  engine.pass(inputs);
  EXPECT_THAT(engine.rank().remarks, testing::IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(Table, TileCases, testing::ValuesIn(tile_cases()),
                         [](const auto& one) { return one.param.name; });
INSTANTIATE_TEST_SUITE_P(Table, AttentionCases, testing::ValuesIn(attention_cases()),
                         [](const auto& one) { return one.param.name; });
INSTANTIATE_TEST_SUITE_P(Table, OpCases, testing::ValuesIn(op_cases()), [](const auto& one) { return one.param.name; });

template <std::size_t... Index>
std::vector<std::string_view> names(std::index_sequence<Index...>) {
  return {std::variant_alternative_t<Index, Op>::kName...};
}

// A new op needs a case, or a reason in uncovered_ops().
TEST(OpTable, EveryOpHasACaseOrAReason) {
  std::set<std::string_view> held, excused;
  for (const OpCase& c : op_cases()) {
    for (const Node* node : all_nodes(c.program)) held.insert(name(node->op));
  }
  for (const UncoveredOp& uncovered : uncovered_ops()) {
    excused.insert(uncovered.op);
    EXPECT_FALSE(held.contains(uncovered.op)) << uncovered.op << " has a case by now";
  }
  for (const std::string_view op : names(std::make_index_sequence<std::variant_size_v<Op>>())) {
    EXPECT_TRUE(held.contains(op) || excused.contains(op)) << op << " has no case in op_cases.cpp";
  }
}

// The comparison itself sees a wrong element, a NaN and a missing tensor.
TEST(OpTable, ComparisonSeesFaults) {
  const torch::Tensor right = torch::arange(1, 5, torch::kDouble);
  torch::Tensor wrong = right.clone();
  EXPECT_EQ(difference(right, right, kBf16Share), "");
  wrong[1] = 2.1;
  EXPECT_NE(difference(wrong, right, kBf16Share), "");
  wrong[1] = NAN;
  EXPECT_NE(difference(wrong, right, kBf16Share), "");
  EXPECT_NE(difference({}, right, kBf16Share), "");
}

}  // namespace
}  // namespace perfbench
