// What a step gives to a Program. A part of verify().
#pragma once

#include "program/program.h"

namespace perfbench {

// Every value that is data is in the list of the step's data, once, and lies as its datum does; no datum is there
// twice. Throws ProgramError with the first fault.
void verify_data(const Program& program);

}  // namespace perfbench
