// What happens to a Program after its backward is derived, in this order.
#pragma once

#include "program/policy.h"
#include "program/program.h"

namespace perfbench {

// A weight gradient and the accumulation right after it become one kernel.
void fuse_grad_accumulation(Program& program);

// The gradients of an adapter take one pass over what they both read, and a product that is added to another gradient
// is added inside the product.
void fuse_adapter_gradients(Program& program);

// Between copies: weights are gathered per bucket before the first microbatch's forward needs them, main gradients are
// reduced per bucket after the last microbatch's last writer. Main gradients that are partial over another axis are
// summed before that.
void add_data_parallel(Program& program, const Policy& policy);

// The nodes that sum main gradients of one view after their last writer: those that are partial over tp, etp or ep
// there and the rows that tp ranks hold in copies, then all of them over their copies, each rank keeping its share
// where `scatter` says so. Where there are replicas of shared parameters, first over the ranks that share them, then
// the shares over the replicas.
std::vector<Node> reductions_of(const Program& program, const InOutList& main_grads, bool scatter, int layer);

// Of a bucket that lies in shares on every rank.
Node reduction_of_shares(const InOutList& main_grads, int layer);

// FSDP, in place of add_data_parallel where there are several copies. Every weight becomes a share; the forward
// gathers each unit (a layer, or what is before or after the layers) one unit ahead, and so does the backward where the
// policy does not keep what the forward gathered. Casts of weights become values of the microbatch. Weight gradients of
// a unit are scattered when they are made, or, where the policy defers it, main gradients are reduced after the last
// microbatch; shares are summed over replicas after the last microbatch in either case. Throws ProgramError when a
// weight is never read.
void shard_parameters(Program& program, const Policy& policy);

// Fills program.optimizer: the norm of the gradients, then AdamW on this rank's share of the states, each for every
// view of the ranks that has some.
void add_optimizer(Program& program, const Policy& policy);

}  // namespace perfbench
