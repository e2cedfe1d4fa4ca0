// The engine's ops against LibTorch's autograd.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "ops/op_cases.h"
#include "ops/op_run.h"
#include "ops/reference.h"

namespace perfbench {

inline constexpr int kMicrobatches = 2;  // the same one twice: shows a main gradient that is set instead of added to

// "" when `found` is `expected` within the bound.
inline std::string difference(const torch::Tensor& found, const torch::Tensor& expected, double share) {
  if (!found.defined() || !expected.defined()) return "is missing";
  if (found.sizes() != expected.sizes()) return "has another shape";
  const torch::Tensor distance = (found.to(torch::kCPU, torch::kDouble) - expected).abs();
  const double worst = distance.max().item<double>(), largest = expected.abs().max().item<double>();
  if (worst <= share * largest) return "";  // false for a NaN
  return "differs by " + std::to_string(worst) + " where the largest element is " + std::to_string(largest);
}

// `prepare`: what is to be changed of the rank first.
inline void expect_like_autograd(
    const OpCase& c, at::Device device, const std::function<void(Rank&)>& prepare = [](Rank&) {}) {
  const Program& program = c.program;
  const ValueTable inputs = random_inputs(c, 7);
  OpRun engine(c, device);
  prepare(engine.rank());
  engine.load_weights(inputs);
  for (int i = 0; i < kMicrobatches; ++i) engine.pass(inputs);
  EXPECT_EQ(engine.rank().ledger.live, 0) << "values are still alive";

  Reference reference(program, inputs);
  const double share = c.bound.share;
  const torch::Tensor root = reference[program.loss != kNoValue ? program.loss : program.output];
  if (program.loss != kNoValue) {
    EXPECT_EQ(difference(engine.loss(), kMicrobatches * root.detach(), share), "") << "the loss";
    EXPECT_GT(root.item<double>(), 0.0);
    root.backward();
  } else {
    EXPECT_EQ(difference(engine.output(), root.detach(), share), "") << "the output";
    if (!program.backward.empty())
      root.backward(inputs[static_cast<std::size_t>(program.grad_output)].to(torch::kDouble));
  }
  if (program.grad_input != kNoValue) {
    EXPECT_EQ(difference(engine.grad_input(), reference[program.input].grad(), share), "") << "the input's gradient";
  }
  for (ValueId grad : states(program, StateKind::main_grad)) {
    const ValueId weight = program[grad].weight;
    EXPECT_EQ(difference(engine.state(grad), kMicrobatches * reference[weight].grad(), share), "")
        << "the gradient of " << program[weight].name;
  }
}

}  // namespace perfbench
