// Every row of configuration tables, by any runner, so that a sweep that was stopped goes on where it was.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/table.h"
#include "base/whole_file.h"
#include "harness/journal.h"
#include "harness/runner.h"
#include "harness/where.h"
#include "job/catalog.h"
#include "job/config_table.h"
#include "rows/metrics.h"

namespace perfbench {

// Names that a filter of table rows knows: NeMo's columns, the names of rows, and "precision".
std::vector<std::string> where_names();
// What a table row says, by those names; a model and a system with their aliases, a model without its size, too. An
// axis and a switch that are left out are 1 and 0.
NamedValues named_values(const ConfigRow& row, const Catalog& catalog);

// The rows of all tables that agree with `where`, in order. `stack` replaces theirs, and with it what is of their
// software (set_stack()).
struct SweepPlan {
  std::vector<ConfigRow> rows{};
  std::vector<std::string> places{};  // of each row: "model_configs_h100.csv:12"
  std::vector<Problem> problems{};    // of table rows whose cells could not be read: they are not among `rows`
  std::int64_t broken_rows = 0;       // how many these are
  std::vector<std::string> warnings{};
};
// Throws InputError when a table can't be read at all, with the problems of all of them, and when no row agrees.
SweepPlan plan_sweep(const std::vector<std::filesystem::path>& tables, const Where& where,
                     const std::optional<std::string>& stack, const Catalog& catalog);

struct SweepHooks {
  Runner runner;
  std::function<std::string(const Job&)> made_with;               // what else the row depends on; see job_key()
  std::function<void(bool run_now, std::string_view what)> done;  // after each run; what was done before counts
  std::function<bool()> stop;                                     // asked before each run
  Method method = Method::simulated;                              // of a row whose run broke off
};

// One row of the result, not in memory: either in the journal or, for what is no job, as its JSON.
struct SweptRow {
  std::string key{};   // empty: not in the journal
  std::string json{};  // of the row; with a key: of its origins
  std::string place{};
  std::int64_t repeat = 0;          // the one with the median step time
  std::vector<double> repeats_s{};  // the step times of all that have one; of one run empty
  Status status = Status::ok;
  std::string feature{}, reason{};  // as in Row
};

struct SweepResult {
  std::vector<SweptRow> rows;  // in the order of the plan; fewer when it was stopped
  std::map<Status, std::int64_t> counts;
  std::int64_t done_before = 0, run_now = 0;  // runs: rows times repeats
  bool stopped = false;
  std::string run{};                    // the id of the result
  std::vector<std::string> warnings{};  // of records that are no rows of their jobs
};

// Runs what the journal lacks, `repeats` times each. A record whose row does not ask what its job asks counts as
// lacking. A row that is no job, because it breaks a rule or because something of it is not known here, is a row all
// the same: failed with feature "rule", or unsupported. So is one whose run throws, whatever it throws: failed with
// feature "run", in the journal like any other. Only an EnvironmentError, for what the machine lacks, and a journal
// that can't be written end the sweep.
SweepResult sweep(SweepPlan plan, std::int64_t repeats, const Catalog& catalog, const SweepHooks& hooks,
                  Journal& journal);

// A row as it is written, without the run: from the journal, with the origins of this sweep's table.
Row read_row(const SweptRow& swept, std::int64_t repeats, const Journal& journal);

// Adds rows.csv, rows.json and rows.md, one row in memory at a time. The bytes are those of rows_csv(), rows_json() and
// rows_markdown() of all rows. Returns the rows as a table of `use`. Throws RunError.
TextTable write_rows(FileSet& files, const SweepResult& result, std::int64_t repeats, const Journal& journal,
                     TableUse use);

}  // namespace perfbench
