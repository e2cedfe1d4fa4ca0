// Weights and main gradients of a chunk, dealt to the buckets in which they travel over dp.
#pragma once

#include <cstdint>
#include <vector>

#include "program/program.h"

namespace perfbench {

// One flat buffer of main gradients and one of their weights, in the same order, padded to as many elements per
// rank of dp x cp. Under a distributed optimizer rank r of them owns elements [r * shard, (r + 1) * shard) of both.
struct Bucket {
  InOutList main_grads{};
  std::int64_t elements = 0;  // without padding
  std::int64_t shard = 0;     // of one rank
};

// Of a chunk with its data-parallel passes done; empty where dp x cp is 1.
std::vector<Bucket> buckets(const Program& program);

// Elements of one rank's share of a list of states over `shards` ranks: rounded up.
std::int64_t shard_elements(const Program& program, const InOutList& states, std::int64_t shards);

}  // namespace perfbench
