// A job and another that differs from it in a few values.
#pragma once

#include <optional>

#include "job/job.h"
#include "job/request.h"

namespace perfbench {

// The job with the values of `change` instead of its own, and all that follows from them worked out anew: dp, chunks,
// microbatches. The model, the system, the stack, the task, the precision and the number of GPUs stay. A vp that no
// longer fits becomes 1. Unset: the values break a rule.
std::optional<Job> varied_job(const Job& job, const Request& change);

}  // namespace perfbench
