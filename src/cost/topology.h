// How the ranks of a parallel axis lie in NVLink domains. Ranks are numbered tp fastest, then cp, dp and pp, as
// Megatron does; consecutive ranks fill a domain.
#pragma once

#include "cost/collective_time.h"
#include "cost/hardware.h"
#include "job/job.h"
#include "program/axis.h"

namespace perfbench {

// Axis::dp stands for dp x cp: the ranks that hold the same weights. Where a group has several ranks, throws
// Unsupported if the size of an NVLink domain is not known.
GroupShape group_of(Axis axis, const ParallelLayout& layout, const Hardware& hardware);

// A pipeline stage and the next one. Where the pipeline leaves the domain, some neighbours are in different ones, and
// the slowest transfer sets the pace. One stage has no neighbour: a group of one rank. Throws as group_of() does.
GroupShape neighbours_of(const ParallelLayout& layout, const Hardware& hardware);

}  // namespace perfbench
