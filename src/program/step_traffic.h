// What the ranks of one pipeline stage move in a global step, as the Programs say it.
#pragma once

#include "program/plan.h"
#include "program/traffic.h"

namespace perfbench {

// Of one rank of the stage; all its ranks move the same. Collectives of every node that runs in a slot of the schedule
// or in the optimizer, and sends to other stages. Throws as Schedule does.
RankTraffic step_traffic(const Plan& plan, int stage);

// The groups over which some rank moves something.
PerGroup<bool> groups_in_use(const Plan& plan);

}  // namespace perfbench
