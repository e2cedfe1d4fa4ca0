// A job's predicted row.
#pragma once

#include "rows/row.h"
#include "spec/catalog.h"
#include "spec/job.h"

namespace perfbench {

// Builds the job's Programs and simulates them: a row with status ok, oom or unsupported, its breakdown, its memory,
// and the published row of exactly this configuration beside it. `catalog` gives the kernel tables and the published
// tables.
Row simulate_row(const Job& job, const Catalog& catalog);

}  // namespace perfbench
