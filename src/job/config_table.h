// model_configs_<gpu>.csv: NeMo's recommended configurations, one Request a row.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "job/request.h"

namespace perfbench {

struct ConfigRow {
  int line = 0;                 // of the file
  Request request;              // model is "<model>_<size>"; origins are "<file name>:<line>"
  std::string model, size;      // the two cells, as written
  bool preferred = true;        // of a stack whose rows come before others; choose_row() says so, which knows them
  int stack_place = 0;          // of how many rows before the first one of its stack; choose_row() counts
  std::string printed_model{};  // what the row's document calls the model, where that is a name of this row alone
};

struct ConfigTable {
  std::string file;  // without its folder
  std::vector<ConfigRow> rows;
  std::vector<Problem> problems;  // of single rows: a cell that is no number, say; such rows are not in `rows`
  std::vector<std::string> warnings;
};

// Reads NeMo's columns (14 must be there; `dp_size` of older tables must agree with the others), then optionally
// `stack,lbs,fp8_recipe,printed_model`, in any order. Throws InputError
// for what spoils the whole file (broken CSV, an unknown or missing column with the nearest name, an empty table,
// repeated rows); cells that are wrong are `problems`, with "file:line: column=value". Blank, "-", "n/a" and "NA" are
// unset; so is 0 for cp, ep and vp. A file named model_configs_<gpu>.csv is of that GPU: NeMo picks the file by it and
// never looks at the column `system`, so a row that says otherwise gets a warning.
ConfigTable read_config_table(const std::filesystem::path& path);

// NeMo's 23 columns of the rows, without perfbench's own: what NeMo's parser reads. Rows that differ in nothing else
// are written once.
std::string export_for_nemo(const ConfigTable& table);

// The table's name for a field of a Request: "tp_size" for "tp". Fields without a column keep their name.
std::string_view column_of(std::string_view field);
bool has_column(std::string_view field);

}  // namespace perfbench
