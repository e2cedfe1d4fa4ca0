// How many ranks and NVLink domains a token goes to, where a dispatcher sends it once to each: pure arithmetic.
#pragma once

#include <cstdint>

#include "cost/collective_time.h"
#include "job/terms.h"

namespace perfbench {

// Experts lie on the ranks of ep in order, an equal number on each.
struct DispatchShape {
  Gate gate = Gate::topk;
  std::int64_t experts = 1, top_k = 1;
  GroupShape group;  // of ep
};

// Means over tokens.
struct Reach {
  double ranks = 1.0;
  double domains = 1.0;
};

// Gate::balanced: choice j of token i is expert (i k + j) mod E, counted over one period. Any other gate: k different
// experts, each set of them as likely.
Reach reach(const DispatchShape& shape);

}  // namespace perfbench
