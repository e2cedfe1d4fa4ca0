// FSDP: how the gradients of a unit reach the ranks that hold its shares.
#pragma once

#include "program/shard/units.h"

namespace perfbench {

// Whole main gradients are reduced into shares after the last microbatch.
void reduce_main_grads(Program& program, const Units& units);

// Weight gradients are no longer added to main gradients as they come: those of a part leave together once they are
// all made.
void scatter_grads(Program& program, const Policy& policy, const Units& units);

}  // namespace perfbench
