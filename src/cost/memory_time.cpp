#include "cost/memory_time.h"

namespace perfbench {

double memory_time_s(const KernelConstants& constants, const Hardware& hardware, double bytes) {
  if (bytes <= 0.0) return 0.0;
  const MemoryConstants& c = constants.memory;
  return c.launch_s + bytes / (known(hardware, &Hardware::memory_bytes_per_s) * c.bandwidth_share);
}

}  // namespace perfbench
