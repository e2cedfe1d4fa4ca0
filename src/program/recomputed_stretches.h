// Which ops of a forward the backward runs once more.
#pragma once

#include <vector>

#include "program/policy.h"
#include "program/program.h"

namespace perfbench {

// A layer, or a part of one, that is computed again as one.
struct Stretch {
  int layer = -1;
  bool whole_layer = false;   // else a part
  std::vector<Node> nodes{};  // of the forward, in its order, each norm as it is rebuilt from the sum that is kept
};

// What `policy.recompute` names of a Program whose backward is derived, where that frees more bytes than it keeps: ops
// that have a backward start from what that reads, too, or from a bias, but below the first adapter there is none. Ops
// whose results nobody reads are left out, unless the policy runs them, too.
std::vector<Stretch> recomputed_stretches(const Program& program, const Policy& policy);

}  // namespace perfbench
