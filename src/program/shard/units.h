// FSDP: what is gathered at a time. The weights of one layer, or those before or after the layers.
#pragma once

#include <cstddef>
#include <map>
#include <vector>

#include "program/policy.h"
#include "program/program.h"

namespace perfbench {

// Weights that are shared and lie in one flat buffer: of one view and type of element, all trained or all frozen. One
// that another stage holds, too, lies alone, so that both stages cut it into the same shares.
using UnitPart = std::vector<ValueId>;

struct Unit {
  int layer = -1;
  std::vector<UnitPart> parts;
};

struct Units {
  std::vector<Unit> list;                  // in the order in which the forward first reads them
  std::map<ValueId, std::size_t> unit_of;  // of weights: index in `list`
};

// Throws ProgramError when a weight is never read.
Units find_units(const Program& program, const Policy& policy);

// Whether the backward gathers the unit once more. What lies outside the layers is kept: the backward starts with what
// the forward ends with, and does not read the embedding.
bool gathered_again(const Unit& unit, const Policy& policy);

}  // namespace perfbench
