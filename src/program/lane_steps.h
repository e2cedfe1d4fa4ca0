// Ops with hidden collectives, spelled out: the one expansion that the engine and the simulator both follow, so that
// the collectives of a lane come in the same order on every rank and in every reader.
#pragma once

#include <cstdint>
#include <vector>

#include "program/program.h"

namespace perfbench {

struct LaneStep {
  enum class Kind : std::uint8_t {
    kernel,     // `share` of the op's own kernel work
    all_reduce  // of `bytes` over `axis`
  };
  Kind kind = Kind::kernel;
  double share = 1.0;
  Axis axis = Axis::tp;
  std::int64_t bytes = 0;
};

// One kernel step for most ops. Cross entropy over a split vocabulary: the maximum, then the sum of exponentials and
// the target's logit, over the axis. Quantisation of a split tensor: the amax over tp. Gradient norm: its square over
// tp and dp. Axes of one rank add nothing.
std::vector<LaneStep> lane_steps(const Op& op, const Program& program);

}  // namespace perfbench
