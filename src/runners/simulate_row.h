// A job's predicted row.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "cost/kernel_table.h"
#include "job/catalog.h"
#include "job/job.h"
#include "rows/published_run.h"
#include "rows/row.h"
#include "runners/plan_row.h"

namespace perfbench {

// Plans a job's row and simulates it: a row with status ok, oom or unsupported, its breakdown, its memory, and the
// published row of exactly this configuration beside it. An oom row names the smallest change that fits. The published
// rows of a system are read once, for all its jobs. A harness Runner. A table of measured kernels is taken, and
// refused, as RowPlanner has it.
class RowSimulator {
 public:
  explicit RowSimulator(const Catalog& catalog, std::shared_ptr<const KernelTable> measured = nullptr)
      : catalog_(catalog), plan_(catalog, std::move(measured)) {}
  Row operator()(const Job& job);

 private:
  const PublishedTables& published_of(const std::string& system);
  const std::vector<PublishedRun>& runs_of(const Job& job);
  void set_fitting_change(Row& row, const Job& job);  // of a row that is oom

  const Catalog& catalog_;
  RowPlanner plan_;
  std::map<std::string, PublishedTables> published_;                                      // by system
  std::map<std::tuple<std::string, std::string, Task>, std::vector<PublishedRun>> runs_;  // by system, model and task
};

// One row; `measured` may be null.
Row simulate_row(const Job& job, const Catalog& catalog, std::shared_ptr<const KernelTable> measured = nullptr);

}  // namespace perfbench
