// How the tokens of a sequence are dealt out to the ranks of cp.
#pragma once

#include <cstdint>
#include <vector>

namespace perfbench {

// Positions in the whole sequence of the tokens that rank `rank` of `cp` holds, in the order in which it holds them:
// chunk `rank`, then chunk 2 cp - 1 - rank of 2 cp equal chunks, so that every rank has as much work under a causal
// mask. cp = 1: all of them. `seq_len` must be a multiple of 2 cp where cp is above 1 (a rule of the Job).
std::vector<std::int64_t> zigzag_positions(std::int64_t seq_len, int cp, int rank);

}  // namespace perfbench
