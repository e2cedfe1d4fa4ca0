// Which convention each published table counts FLOPs by, and where it departs from it.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cost/model_flops.h"
#include "job/catalog.h"
#include "rows/published_row.h"

namespace perfbench {

// One line of flops_quirks.csv: table,model,task,quirk,value,reason.
struct TableQuirk {
  std::string table;         // file name of the published table
  std::string model;         // the folder's name, or as printed: those rows alone; empty: all of the table
  std::optional<Task> task;  // unset: every task
  std::string quirk;         // convention, kv_heads, head_dim, causal, flops_per_token
  std::string value;
  std::string reason;
};

struct TableFlops {
  std::optional<FlopsConvention> convention{};  // unset for a table that the file does not name
  FlopsQuirks quirks{};
  std::vector<std::string> reasons{};  // of the quirks, not of the convention
};

// Reads `path` (model_configs/published/flops_quirks.csv); a file that does not exist has none. Throws InputError with
// every problem: wrong columns, an unknown quirk, a value that it cannot have.
std::vector<TableQuirk> read_flops_quirks(const std::filesystem::path& path);

// What counts for one row: `table` is a file name, `model` the name of a ModelSpec (its folder), `printed` what the row
// calls it.
TableFlops flops_of_table(const std::vector<TableQuirk>& quirks, std::string_view table, std::string_view model,
                          Task task, std::string_view printed = "");

// File name of the table that a published row stands in: its source up to the colon.
std::string_view table_file(const PublishedRow& row);

}  // namespace perfbench
