// A job's Programs as text.
#pragma once

#include <string>

#include "job/job.h"

namespace perfbench {

// The Programs of the job, one layer of each kind, forward and backward. Throws Unsupported for what has no Program
// yet.
std::string show_program(const Job& job);

}  // namespace perfbench
