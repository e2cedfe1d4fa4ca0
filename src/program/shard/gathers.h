// FSDP: whole weights for as long as a phase needs them.
#pragma once

#include <cstddef>
#include <map>
#include <vector>

#include "program/builder.h"
#include "program/shard/units.h"

namespace perfbench {

using WholeWeights = std::map<ValueId, ValueId>;  // a weight -> the value that holds all of it

// Adds the gathers of the units to a phase, one ahead: the first as the phase begins, each other right before the first
// reader of the unit before it, and no earlier.
WholeWeights gather_units(Program& program, const Policy& policy, Phase phase, const Units& units,
                          const std::vector<std::size_t>& which);

// Readers of a weight read what was gathered in their phase, or else before it.
void read_whole(std::vector<Node>& nodes, const WholeWeights& own, const WholeWeights& before);

}  // namespace perfbench
