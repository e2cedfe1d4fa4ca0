// The published tables as rows: read as printed, corrected on the side.
#pragma once

#include <filesystem>
#include <string_view>
#include <vector>

#include "rows/published_row.h"

namespace perfbench {

// Every row of the tables in `folder` (model_configs/published), or of one system only; a folder that does not exist
// has none. A table is a CSV file with a column Model: first the own columns row, system, task, precision, stack,
// section and source_line, maybe source, units and flops_convention, then the headings (published_headings.h) and cells
// as they were printed; task and precision are empty where the document doesn't say. corrections.csv (row, column,
// printed, value, reason) is applied on the way. FSDP is a size in a table that prints LBS and where it is above 1,
// else a flag. Throws InputError with every problem: an unknown heading, a cell that is no number, a repeated row, a
// correction of something that was not printed.
std::vector<PublishedRow> read_published(const std::filesystem::path& folder, std::string_view system = "");

}  // namespace perfbench
