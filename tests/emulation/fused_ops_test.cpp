// Own kernels, run on a CPU, against LibTorch's autograd: the table of op cases, then widths that it does not hold.
#include <gtest/gtest.h>

#include <set>
#include <string_view>
#include <variant>

#include "emulation/fused_fixture.h"
#include "ops/op_cases.h"

namespace perfbench {
namespace {

const std::set<std::string_view>& fused_ops() {
  static const std::set<std::string_view> names = {RmsNorm::kName,
                                                   RmsNormBackward::kName,
                                                   LayerNorm::kName,
                                                   LayerNormBackward::kName,
                                                   Rope::kName,
                                                   SwiGlu::kName,
                                                   SwiGluBackward::kName,
                                                   Activate::kName,
                                                   ActivateBackward::kName,
                                                   CrossEntropy::kName,
                                                   QkNorm::kName,
                                                   QkNormBackward::kName,
                                                   Quantize::kName,
                                                   CastWeight::kName,
                                                   CrossEntropyBackward::kName,
                                                   AdapterBackward::kName,
                                                   Route::kName,
                                                   RouteBackward::kName,
                                                   PlaceRows::kName,
                                                   Permute::kName,
                                                   Unpermute::kName};
  return names;
}

// Gradients of adapters have a kernel for bf16 alone; an eager loss is a chain of ATen's.
bool has_kernel(const OpCase& c, const Op& op) {
  const auto* adapter = std::get_if<AdapterBackward>(&op);
  if (adapter != nullptr && c.program.type(adapter->dout.id).dtype != DType::bf16) return false;
  if (const auto* loss = std::get_if<CrossEntropy>(&op)) return !loss->eager;
  if (const auto* loss = std::get_if<CrossEntropyBackward>(&op)) return !loss->eager;
  return fused_ops().contains(name(op));
}

bool holds_fused_op(const OpCase& c) {
  for (const auto* phase : {&c.program.forward, &c.program.backward}) {
    for (const Node& node : *phase) {
      if (has_kernel(c, node.op)) return true;
    }
  }
  return false;
}

std::vector<OpCase> fused_cases() {
  std::vector<OpCase> cases;
  for (OpCase& c : op_cases()) {
    if (holds_fused_op(c)) cases.push_back(std::move(c));
  }
  return cases;
}

class FusedCases : public testing::TestWithParam<OpCase> {};

TEST_P(FusedCases, AgreeWithAutograd) { expect_kernels_like_autograd(GetParam()); }

// Each op that has a kernel launches one, and nothing falls back in silence.
TEST(FusedCases, EveryOpLaunches) {
  std::set<std::string_view> launched;
  for (const OpCase& c : fused_cases()) {
    const ValueTable inputs = random_inputs(c, 1);
    OpRun engine(c, at::kCPU);
    engine.load_weights(inputs);
    engine.observe([&, before = emulation::launches()](const Node& node) mutable {
      if (emulation::launches() > before) launched.insert(name(node.op));
      before = emulation::launches();
    });
    engine.pass(inputs);
  }
  EXPECT_EQ(launched, fused_ops());
}

INSTANTIATE_TEST_SUITE_P(Table, FusedCases, testing::ValuesIn(fused_cases()),
                         [](const auto& one) { return one.param.name; });

}  // namespace
}  // namespace perfbench
