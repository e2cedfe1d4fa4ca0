// A request as a Job, or as the row that says why it is none.
#pragma once

#include <optional>
#include <vector>

#include "base/error.h"
#include "job/catalog.h"
#include "job/job.h"
#include "job/request.h"
#include "rows/row.h"

namespace perfbench {

struct JobOrRow {
  std::optional<Job> job{};
  Row row{};                        // where there is no job: unsupported, or failed with feature "rule"
  std::vector<Problem> problems{};  // of a failed row: the rules that it breaks
};

// make_job() as a sweep takes it: nothing that is wrong with one row ends it.
JobOrRow job_or_row(const Request& request, const Catalog& catalog);

}  // namespace perfbench
