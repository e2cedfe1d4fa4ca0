// Ops with hidden collectives, spelled out: the one expansion that the engine and the simulator both follow, so that
// the collectives of a lane come in the same order on every rank and in every reader.
#pragma once

#include <cstdint>
#include <vector>

#include "program/program.h"

namespace perfbench {

struct LaneStep {
  enum class Kind : std::uint8_t {
    kernel,      // `share` of the op's own kernel work
    all_reduce,  // of `bytes` over `group`
    ring         // `count` times: `bytes` go to the next rank of `group`, as many come from the one before
  };
  Kind kind = Kind::kernel;
  double share = 1.0;
  Group group = Group::tp;
  std::int64_t bytes = 0;
  int count = 1;
};

// One kernel step for most ops, none for a collective. Cross entropy over a split vocabulary: the maximum, then the sum
// of exponentials and the target's logit, over the axis. Quantisation of a split tensor: the amax over tp. Gradient
// norm: its square over tp and the copies. Attention over cp: K and V go round, cp - 1 times; its backward sends them
// round once more, and cp times their gradients, which so come home. Groups of one rank add nothing.
std::vector<LaneStep> lane_steps(const Op& op, const Program& program);

// Memory that an op needs beside its operands while it runs. Rings: of all that goes round, what is here and what
// arrives. An eager cross entropy: the logits in float32, and in the backward its two gradients in float32, before the
// one in the dtype of the logits is made. A dispatcher that gathers: the tokens of all ranks of ep. 0 for all others.
std::int64_t scratch_bytes(const Op& op, const Program& program);

}  // namespace perfbench
