// Bytes of a rank's live values, counted from the tensors themselves.
#pragma once

#include <algorithm>
#include <cstdint>

namespace perfbench {

struct Ledger {
  std::int64_t live = 0, peak = 0;
  void hold(std::int64_t bytes) {
    live += bytes;
    peak = std::max(peak, live);
  }
  void release(std::int64_t bytes) { live -= bytes; }
};

}  // namespace perfbench
