// FLOPs of a global step as its Programs do them.
#pragma once

#include "program/plan.h"

namespace perfbench {

// Matrix products and attention of all ranks, all microbatches and pipeline flushes: op_flops() summed. The causal half
// of attention and a vocabulary padded to the ranks' equal shares are done, and so counted; what is computed again is
// counted once.
double program_flops(const Plan& plan);

// The same with what the backward computes again.
double executed_flops(const Plan& plan);

}  // namespace perfbench
