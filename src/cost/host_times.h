// What the host needs to launch a layer with experts, which issues too many small kernels for a GPU to be busy always.
#pragma once

#include "job/job.h"

namespace perfbench {

// For one layer and microbatch, forward, backward and recomputation together. All 0 where the model has no experts: in
// dense layers the gap before each kernel stands for it.
struct HostTimes {
  double attention_s = 0.0;      // all of the layer but its experts
  double moe_s = 0.0;            // gate, dispatch and combine
  double expert_s = 0.0;         // products of one local expert
  bool waits_for_counts = true;  // issues what follows the counts of rows when it has read them
  double attention_gap = 1.0;    // of the gaps before kernels, what graphs of attention alone leave

  bool any() const { return attention_s > 0.0 || moe_s > 0.0 || expert_s > 0.0; }
};

HostTimes host_times(const Job& job);

}  // namespace perfbench
