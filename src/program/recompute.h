// Activations that a microbatch does not keep: the backward computes them again.
#pragma once

#include "program/policy.h"
#include "program/program.h"

namespace perfbench {

// Of a Program whose backward is derived: the recomputed stretches of its forward run once more in the backward, which
// reads what they make then. What other ops made is kept, and so is the sum that a layer's first norm makes: the border
// of a layer is one (T, H) value. A whole layer is computed again before its first backward op, a part of one before
// the first op that reads it. States are never written again; what was gathered for the replay is not gathered a second
// time.
void recompute(Program& program, const Policy& policy);

}  // namespace perfbench
