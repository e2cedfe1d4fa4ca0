// A Program as text for people: one line an op, names relative to the layer, equal layers folded.
#pragma once

#include <string>

#include "program/program.h"

namespace perfbench {

// Headings per layer; each line gives the results with dtype[shape]{placement}, the op, its operands, its lane where
// that is not compute, its condition, and "+=>" for a state that is updated. What a layer saves for the backward closes
// it.
std::string print_program(const Program& program, const std::string& title);

}  // namespace perfbench
