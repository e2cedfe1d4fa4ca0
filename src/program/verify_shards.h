// FSDP: what is gathered and scattered, and in which lists. A part of verify().
#pragma once

#include "program/program.h"

namespace perfbench {

// Every weight of which a rank holds a share is gathered once in the forward, and at most once in the backward, in the
// same list; its main gradient is scattered, or reduced into shares, in the list of its weights. Throws ProgramError
// with the first fault.
void verify_shards(const Program& program);

}  // namespace perfbench
