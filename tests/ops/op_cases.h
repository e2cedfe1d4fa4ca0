// One table of tiny Programs, each around one op. A case serves verify(), the engine against autograd, the cost model
// against a plain count, and the benchmark.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "program/policy.h"
#include "program/program.h"

namespace perfbench {

// The largest error of an element, as a share of the tensor's largest element.
struct ErrorBound {
  double share = 0.0;
  std::string_view reason;
};

struct OpCase {
  std::string name;     // "matmul_bias_bf16"
  std::string_view op;  // kName of the op that the case is about
  Policy policy;
  Program program;     // its forward, what derive_backward() makes of it, and the optimizer's ops
  double flops = 0.0;  // of the op, counted by hand
  double bytes = 0.0;  // that the op's kernel moves, counted by hand
  ErrorBound bound{};  // of results and gradients
};

std::vector<OpCase> op_cases();

// Ops that no case holds, each with the reason.
struct UncoveredOp {
  std::string_view op, reason;
};
const std::vector<UncoveredOp>& uncovered_ops();

}  // namespace perfbench
