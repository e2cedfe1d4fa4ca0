// Time of collectives: NVLink inside a domain as fitted to NCCL, rails between domains.
#pragma once

#include <cstdint>

#include "cost/hardware.h"
#include "cost/kernel_constants.h"

namespace perfbench {

// How the ranks of a group lie: `ranks_per_domain` of them share one NVLink domain, the domains being filled evenly.
struct GroupShape {
  int ranks = 1;
  int ranks_per_domain = 1;
};

struct CollectiveShape {
  enum class Kind : std::uint8_t { all_gather, reduce_scatter, all_reduce, all_to_all, send };
  Kind kind = Kind::all_gather;
  double bytes =
      0.0;           // the whole buffer of a rank: an all-gather's output, a reduce-scatter's input, what a send sends
  GroupShape group;  // of a send: {2, 2} inside a domain, {2, 1} between two
};

// Inside a domain: latency + sent bytes / (NVLink x share), less at small sizes. Between domains a ring with k ranks
// per domain drives the NICs of k GPUs, and the slower of network and NVLink sets the pace; a ring pays one hop per
// other domain, an all-reduce twice the depth of a tree where that is less. An all-to-all sends what leaves the domain
// through the rank's own NICs, and its parts add up. 0 for one rank or no bytes. The network's part is assumed, not
// measured.
double collective_time_s(const KernelConstants& constants, const Hardware& hardware, const CollectiveShape& shape);

// Of an all-to-all: both add up.
struct AllToAllTime {
  double nvlink_s = 0.0, network_s = 0.0;
};

// `nvlink_bytes`: the buffer that a rank exchanges with those of its domain, its own part included; `network_bytes`:
// what it sends to others.
AllToAllTime all_to_all_time_s(const KernelConstants& constants, const Hardware& hardware, const GroupShape& group,
                               double nvlink_bytes, double network_bytes);

}  // namespace perfbench
