// How a group of ranks lies in NVLink domains: consecutive ranks fill a domain.
#pragma once

#include "cost/collective_time.h"
#include "cost/hardware.h"
#include "program/mesh.h"

namespace perfbench {

// Domains are filled evenly: 16 ranks of which 9 would fit lie 8 and 8. Where a group has several ranks, throws
// Unsupported if the size of an NVLink domain is not known.
GroupShape group_shape(Group group, const Mesh& mesh, const Hardware& hardware);

// A pipeline stage and the next one. Where the pipeline leaves the domain, some neighbours are in different ones, and
// the slowest transfer sets the pace. One stage has no neighbour: a group of one rank. Throws as group_shape() does.
GroupShape neighbours_of(const Mesh& mesh, const Hardware& hardware);

}  // namespace perfbench
