// A job's predicted row.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "cost/kernel_constants.h"
#include "cost/kernel_table.h"
#include "rows/published_run.h"
#include "rows/row.h"
#include "spec/catalog.h"
#include "spec/job.h"

namespace perfbench {

// Builds a job's Programs and simulates them: a row with status ok, oom or unsupported, its breakdown, its memory, and
// the published row of exactly this configuration beside it. The kernel constants and the published rows of a system
// are read once, for all its jobs. A harness Runner. With a table of measured kernels, those take their measured times:
// InputError for a job of another system than the table's.
class RowSimulator {
 public:
  explicit RowSimulator(const Catalog& catalog, std::shared_ptr<const KernelTable> measured = nullptr)
      : catalog_(catalog), measured_(std::move(measured)) {}
  Row operator()(const Job& job);

 private:
  struct SystemData {
    KernelConstants kernels;
    PublishedTables published;
  };
  const SystemData& data_of(const std::string& system);

  const Catalog& catalog_;
  std::shared_ptr<const KernelTable> measured_;  // may be null
  std::map<std::string, SystemData> systems_;
};

// One row; `measured` may be null.
Row simulate_row(const Job& job, const Catalog& catalog, std::shared_ptr<const KernelTable> measured = nullptr);

}  // namespace perfbench
