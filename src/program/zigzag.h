// How the tokens of a sequence are dealt out to the ranks of cp.
#pragma once

#include <cstdint>
#include <vector>

namespace perfbench {

// Positions in the whole sequence of the tokens that rank `rank` of `cp` holds, in the order in which it holds them:
// chunk `rank`, then chunk 2 cp - 1 - rank of 2 cp equal chunks, so that every rank has as much work under a causal
// mask. cp = 1: all of them. `seq_len` must be a multiple of 2 cp where cp is above 1 (a rule of the Job).
std::vector<std::int64_t> zigzag_positions(std::int64_t seq_len, int cp, int rank);

// Tokens that follow each other in the sequence and on the rank that holds them.
struct SequenceRange {
  std::int64_t position = 0;  // of the first one in the whole sequence
  std::int64_t local = 0;     // and among the rank's tokens
  std::int64_t count = 0;
  std::int64_t last() const { return position + count - 1; }
};

// The same as ranges: one of cp = 1, else two.
std::vector<SequenceRange> zigzag_ranges(std::int64_t seq_len, int cp, int rank);

}  // namespace perfbench
