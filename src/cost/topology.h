// How the ranks of a parallel axis lie in NVLink domains. Ranks are numbered tp fastest, then cp, dp and pp, as
// Megatron does; consecutive ranks fill a domain.
#pragma once

#include "cost/collective_time.h"
#include "cost/hardware.h"
#include "program/axis.h"
#include "spec/job.h"

namespace perfbench {

// The data-sheet numbers of a system that times are relative to. A number without a source is 0 here; `notes` of the
// row names it.
Hardware hardware_of(const SystemSpec& system);

// Axis::dp stands for dp x cp: the ranks that hold the same weights.
GroupShape group_of(Axis axis, const ParallelLayout& layout, const Hardware& hardware);

// A pipeline stage and the next one. Where the pipeline leaves the domain, some neighbours are in different ones, and
// the slowest transfer sets the pace.
GroupShape neighbours_of(const ParallelLayout& layout, const Hardware& hardware);

}  // namespace perfbench
