#include "program/zigzag.h"

#include <numeric>

#include "base/error.h"

namespace perfbench {

std::vector<std::int64_t> zigzag_positions(std::int64_t seq_len, int cp, int rank) {
  check(cp == 1 || seq_len % (2 * cp) == 0, "zigzag: the sequence does not divide into 2 x cp chunks");
  std::vector<std::int64_t> positions(static_cast<std::size_t>(seq_len / cp));
  if (cp == 1) {
    std::iota(positions.begin(), positions.end(), 0);
    return positions;
  }
  const std::int64_t chunk = seq_len / (2 * cp);
  const auto middle = positions.begin() + chunk;
  std::iota(positions.begin(), middle, rank * chunk);
  std::iota(middle, positions.end(), (2 * cp - 1 - rank) * chunk);
  return positions;
}

}  // namespace perfbench
