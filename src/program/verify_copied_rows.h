// That rows of weights which tp ranks hold in copies stay equal.
#pragma once

#include "program/program.h"

namespace perfbench {

// Throws ProgramError unless each gradient with such rows has exactly them summed over the copies, once, after its last
// writer.
void verify_copied_rows(const Program& program);

}  // namespace perfbench
