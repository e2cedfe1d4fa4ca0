// What a job's row is before any clock runs: its Programs, the memory that they need, and the status that follows.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>

#include "cost/kernel_constants.h"
#include "cost/kernel_table.h"
#include "cost/op_time.h"
#include "job/catalog.h"
#include "job/job.h"
#include "program/plan.h"
#include "rows/job_or_row.h"
#include "rows/row.h"

namespace perfbench {

struct PlannedRow {
  Row row;           // of a simulation: its status and its memory, without times
  Plan plan{};       // without chunks where the status is unsupported
  CostModel cost{};  // of the job's ops; every number that a time needs is known
};

// The one place that says of a job whether its row is ok, oom or unsupported: predictions begin with it, and whoever
// only asks for a status stops there. The kernel constants of a system are read once, for all its jobs. With a table of
// measured kernels, those take their measured times: InputError for a job of another system than the table's.
class RowPlanner {
 public:
  explicit RowPlanner(const Catalog& catalog, std::shared_ptr<const KernelTable> measured = nullptr)
      : catalog_(catalog), measured_(std::move(measured)) {}
  PlannedRow operator()(const Job& job);

 private:
  void plan(PlannedRow& planned, const Job& job, const KernelConstants& kernels) const;
  const KernelConstants& kernels_of(const SystemSpec& system);

  const Catalog& catalog_;
  std::shared_ptr<const KernelTable> measured_;  // may be null
  std::map<std::string, KernelConstants> kernels_;
};

// The row of a request: as planned, or the one that says why there is no job.
Row planned_row(const JobOrRow& asked, RowPlanner& plan);

}  // namespace perfbench
