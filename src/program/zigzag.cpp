#include "program/zigzag.h"

#include <numeric>

#include "base/error.h"

namespace perfbench {

std::vector<SequenceRange> zigzag_ranges(std::int64_t seq_len, int cp, int rank) {
  if (cp == 1) return {{.position = 0, .local = 0, .count = seq_len}};
  check(seq_len % (2 * cp) == 0, "zigzag: the sequence does not divide into 2 x cp chunks");
  const std::int64_t chunk = seq_len / (2 * cp);
  return {{.position = rank * chunk, .local = 0, .count = chunk},
          {.position = (2 * cp - 1 - rank) * chunk, .local = chunk, .count = chunk}};
}

std::vector<std::int64_t> zigzag_positions(std::int64_t seq_len, int cp, int rank) {
  std::vector<std::int64_t> positions(static_cast<std::size_t>(seq_len / cp));
  for (const SequenceRange& range : zigzag_ranges(seq_len, cp, rank)) {
    const auto begin = positions.begin() + range.local;
    std::iota(begin, begin + range.count, range.position);
  }
  return positions;
}

}  // namespace perfbench
