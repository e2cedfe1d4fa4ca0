// The published tables as rows: read as printed, corrected on the side, matched exactly.
#pragma once

#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "rows/published_row.h"
#include "rows/row.h"
#include "spec/job.h"

namespace perfbench {

// Every row of the tables in `folder` (model_configs/published), or of one system only; a folder that does not exist
// has none. A table is a CSV file with a column Model: first the own columns row, system, task, precision, stack,
// section and source_line, maybe source, units and flops_convention, then the headings (published_headings.h) and cells
// as they were printed; task and precision are empty where the document doesn't say. corrections.csv (row, column,
// printed, value, reason) is applied on the way. FSDP is a size in a table that prints LBS, else a flag. Throws
// InputError with every problem: an unknown heading, a cell that is no number, a repeated row, a correction of
// something that was not printed.
std::vector<PublishedRow> read_published(const std::filesystem::path& folder, std::string_view system = "");

struct PublishedMatch {
  std::optional<PublishedRow> row;
  std::string note;  // why none was taken although some match; else empty
};

// The row with a result of exactly what the job asks: model (by name or alias), system, task, precision, num_gpus, gbs,
// mbs, seq_len, tp, pp, cp, vp, ep and fsdp, where not printed means 1 (fsdp: off), and lbs where printed. Of several,
// those of the job's stack; if these differ in their results, none.
PublishedMatch match_published(const Job& job, std::span<const PublishedRow> rows);

// Puts the match beside the result: published, ratio_to_published and, where rows disagree, a note. Call it after
// set_step_time().
void set_published(Row& row, const Job& job, std::span<const PublishedRow> rows);

}  // namespace perfbench
