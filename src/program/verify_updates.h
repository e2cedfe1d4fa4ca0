// How often a Program writes its states. A part of verify().
#pragma once

#include "program/program.h"

namespace perfbench {

// Each use of a weight in the forward adds to its main gradient once; weights whose gradients are scattered over dp are
// gathered once, before they are read; the optimizer takes every main gradient once into the norm and once into the
// update of its own weight, and of a bucket that is cut into shares all or none. Throws ProgramError with the first
// fault.
void verify_updates(const Program& program);

}  // namespace perfbench
