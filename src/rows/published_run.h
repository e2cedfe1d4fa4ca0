// Published rows as the jobs that they ran, and the one that a job may be compared with.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "job/catalog.h"
#include "job/config_table.h"
#include "job/job.h"
#include "rows/flops_quirks.h"
#include "rows/published_row.h"
#include "rows/row.h"

namespace perfbench {

// A published row and what it ran with. A table prints sizes and no recipe: what it leaves out is that of the config
// row with the printed values, and without one what the row's stack does by itself.
struct PublishedRun {
  PublishedRow row;
  Job job;
  std::string configured{};  // "model_configs_h100.csv:25"; empty: no config row has the printed values
  // As printed, else of the printed step time, else of the printed TFLOP/s by the convention of the row's table.
  std::optional<double> tokens_per_s_per_gpu{};
};

// The tables of one system.
struct PublishedTables {
  std::vector<PublishedRow> rows;
  ConfigTable configs;  // model_configs_<system>.csv; no rows where there is none
  std::vector<TableQuirk> quirks{};
};
PublishedTables read_published_tables(const Catalog& catalog, const std::string& system);

// The rows with a result that are of the job's model (by name or alias), system and task. A row whose printed values
// are no job is left out. Of several config rows with the printed values the first counts: a table begins with the
// published ones.
std::vector<PublishedRun> published_runs(const Job& job, const PublishedTables& tables, const Catalog& catalog);
// The same of a model of the catalog and a task.
std::vector<PublishedRun> published_runs(const ModelSpec& model, Task task, const PublishedTables& tables,
                                         const Catalog& catalog);

struct PublishedMatch {
  std::optional<PublishedRow> row;
  std::optional<double> tokens_per_s_per_gpu{};  // of its PublishedRun
  std::string note{};  // why there is none, where something can be said: the nearest row and what it did otherwise
};

// The row that did the same work (work.h). Of several that print different results, none.
PublishedMatch match_published(const Job& job, std::span<const PublishedRun> runs);

// Puts the match beside the result: published, ratio_to_published and the note. Call it after set_step_time().
void set_published(Row& row, const Job& job, std::span<const PublishedRun> runs);

}  // namespace perfbench
