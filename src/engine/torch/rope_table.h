#pragma once

#include "engine/torch/rank.h"
#include "program/op.h"

namespace perfbench {

// The rank's table for the op, made at the first call.
const RopeTable& rope_table(Rank& rank, const Rope& op);

}  // namespace perfbench
