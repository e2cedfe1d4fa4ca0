// Rows of experts: each op takes them in the order that it means.
#pragma once

#include "program/program.h"

namespace perfbench {

// Throws ProgramError where rows that lie rank by rank are computed with, or rows that lie expert by expert are sent:
// shapes and placements are the same, the sums would be of other rows.
void verify_rows(const Program& program);

}  // namespace perfbench
