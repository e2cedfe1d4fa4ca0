// What happens to a Program after its backward is derived, in this order.
#pragma once

#include "program/policy.h"
#include "program/program.h"

namespace perfbench {

// A weight gradient and the accumulation right after it become one kernel.
void fuse_grad_accumulation(Program& program);

// Over dp: weights are gathered per bucket before the first microbatch's forward needs them, main gradients are reduced
// per bucket after the last microbatch's last writer. Main gradients that are partial over tp are summed before that.
void add_data_parallel(Program& program, const Policy& policy);

// Fills program.optimizer: the norm of the gradients, then AdamW on this rank's share of the states.
void add_optimizer(Program& program, const Policy& policy);

}  // namespace perfbench
