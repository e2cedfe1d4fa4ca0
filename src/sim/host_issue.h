// How the host's time for a layer is spread over its ops, so that the order in which they are launched matters.
#pragma once

#include <vector>

#include "cost/host_times.h"
#include "program/program.h"

namespace perfbench {

struct Issue {
  double seconds = 0.0;    // of the host, before the op can start
  bool waits = false;      // the host launches nothing more before the op is done
  double gap_share = 1.0;  // of the gaps before the op's kernels
};

// By node. Of a layer with experts, ops from the first to the last that handles experts' rows, in the forward as in the
// backward, take equal shares of HostTimes::moe_s; all others of attention_s; grouped products have expert_s, once for
// each local expert, on top. What is not of a layer, runs with the first or last microbatch only, or travels over dp is
// launched in time.
struct IssueTimes {
  std::vector<Issue> forward, backward;
};
IssueTimes issue_times(const Program& program, const HostTimes& host);

}  // namespace perfbench
