// The second half of make_job: what follows by rule from what is given.
#pragma once

#include "job/job_rules.h"

namespace perfbench {

// Fills layout, batches, chunks and origins of a draft whose model, system, stack, task and precision stand and whose
// given numbers are within their limits; num_gpus is given, and gbs or ga is. Numbers that do not come out even stay 0,
// and `chunks` stays empty when the layers cannot be dealt out: broken_rules() then says why.
void fill_job(JobDraft& draft);

}  // namespace perfbench
