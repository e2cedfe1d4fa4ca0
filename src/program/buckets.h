// Weights and main gradients of a chunk, dealt to the buckets in which they travel between copies.
#pragma once

#include <cstdint>
#include <vector>

#include "program/program.h"

namespace perfbench {

// One flat buffer of weights and one of their main gradients, in the same order, padded to as many elements per rank of
// the group. Rank r of it owns elements [r * shard, (r + 1) * shard) of both: what it updates under a distributed
// optimizer, and all that it holds of a buffer that is sharded.
struct Bucket {
  InOutList weights{};
  InOutList main_grads{};       // of the weights, in their order; empty where they are frozen
  Group group = Group::copies;  // in which they travel
  std::int64_t ranks = 1;       // of the group
  std::int64_t elements = 0;    // without padding
  std::int64_t shard = 0;       // of one rank
  bool sharded_weights = false, sharded_main_grads = false;
};

// Of a chunk with its data-parallel passes done; empty where there is one copy. Under FSDP a bucket is what one op
// gathers: the weights of a unit that are of one type and all trained or all frozen.
std::vector<Bucket> buckets(const Program& program);

// Elements of one rank's share of a list of states over `shards` ranks: rounded up.
std::int64_t shard_elements(const Program& program, const InOutList& states, std::int64_t shards);

// Elements of the share that the op sums.
std::int64_t share_elements(const ReduceShares& op, const Program& program);

InOutList as_states(const InList& list);

}  // namespace perfbench
