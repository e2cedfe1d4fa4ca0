// Checks of finished Programs. What fails here is a programmer's mistake.
#pragma once

#include <vector>

#include "program/program.h"

namespace perfbench {

// One Program: values are made once and before they are read; every op's outputs have the types that infer() derives;
// what crosses the chunk's border is whole; a gradient lies as its value does; every trainable weight has a main
// gradient, and each main gradient is reduced over exactly the axes over which it is partial, after its last writer.
// Throws ProgramError with the first fault.
void verify(const Program& program);

// All chunk kinds of a job: what one chunk sends is what its neighbours expect, forward and backward.
void verify(const std::vector<Program>& kinds);

}  // namespace perfbench
