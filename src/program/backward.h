// Derives the backward of a Program: one rule per op, each collective by its dual.
#pragma once

#include "program/policy.h"
#include "program/program.h"

namespace perfbench {

// Fills program.backward, the main gradients, grad_output and grad_input. The loss gradient starts at the loss weight
// and every reduction is a plain sum: no other factor exists. Weight gradients of frozen weights and input gradients
// that nobody needs are left out. Throws ProgramError when a forward cannot be differentiated.
void derive_backward(Program& program, const Policy& policy);

}  // namespace perfbench
