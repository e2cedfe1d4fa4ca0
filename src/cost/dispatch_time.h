// Time of the way of rows to the ranks of their experts, or back.
#pragma once

#include "cost/op_time.h"

namespace perfbench {

// What one rank sends and receives, its own part included, of rows that its experts' ranks share between them.
struct DispatchVolume {
  double nvlink_bytes = 0.0;   // among the ranks of an NVLink domain, as the buffer of an all-to-all among them
  double network_bytes = 0.0;  // to other domains
};

// Of `bytes` in the rows of all choices. all_to_all: all of them. dedup: a token once to each rank, and once to each
// other domain, from where it is passed on by NVLink.
DispatchVolume dispatch_volume(const AllToAll& op, double bytes, const GroupShape& group);

// The NVLink part and the part between domains add up, since what comes over the network is passed on by NVLink. The
// rank with the most rows sets the pace. all_gather: a gather of all tokens, and back a reduce-scatter.
double dispatch_time_s(const AllToAll& op, const Program& program, const CostModel& cost);

}  // namespace perfbench
