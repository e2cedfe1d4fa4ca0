// Rows as text: CSV and JSON for programs, Markdown and the terminal for people. All read the table of metrics.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "rows/row.h"

namespace perfbench {

// One line of names, then one line per row. Objects and lists are JSON text in one cell, null is an empty cell, fsdp is
// true or false. The text depends on the rows alone.
std::string rows_csv(std::span<const Row> rows);

// Reads what rows_csv() writes; the columns may stand in any order. Throws InputError with every problem: an unknown or
// missing column with the nearest name, a cell of the wrong type.
std::vector<Row> parse_rows_csv(std::string_view text, const std::string& file);
std::vector<Row> read_rows_csv(const std::filesystem::path& path);

Json to_json(const Row& row);  // one object with every metric, in their order
// The reverse. Throws InputError with every problem: an unknown or missing key, a value of the wrong type; `where` is
// what its messages start with.
Row row_from_json(const Json& json, const std::string& where);
std::string row_json(const Row& row);              // that object as text with a line feed
std::string rows_json(std::span<const Row> rows);  // an array of such objects

// A table with the headings of the published tables.
std::string rows_markdown(std::span<const Row> rows);

// One row as a block to read: what was asked and where it came from, the result beside the published one, where the
// time goes, the memory by stage.
std::string row_terminal(const Row& row);
// Several rows as one table; of a single row, its block.
std::string rows_terminal(std::span<const Row> rows);

}  // namespace perfbench
