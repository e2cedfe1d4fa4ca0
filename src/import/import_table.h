// A published performance table, as its document prints it, in the project's own CSV form.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "job/terms.h"

namespace perfbench {

// What is known beside the document. Names and values fill what it leaves out; they never replace what it says.
struct ImportHints {
  std::vector<std::string> systems{};  // names to look for in headings: "h100"
  std::string id{};                    // rows are called "<id>-01"; empty: the file's name without its ending
  std::string model{}, system{}, stack{}, flops_convention{};
  std::optional<Task> task{};
  std::optional<Precision> precision{};
  bool keep_unknown = false;  // unknown columns are kept as printed, and named in the column `unread`
};

struct ImportedTable {
  std::string csv{};  // as read_published() reads it
  int tables = 0, rows = 0;
  std::vector<std::string> warnings{};  // tables without rows, tables of something else, what nobody says
};

// Reads Markdown, the text form with one cell per line, or CSV (where `file` ends in .csv or `text` has nothing else).
// Cells stay as printed. The columns are the union of the tables' headings, in the order in which they appear. System,
// task and precision come from a column of the table, else from the headings above it, the nearest first, else from
// `hints`. Throws InputError with every problem, each with its line: bytes that are no UTF-8, no performance table,
// unknown or repeated columns, a column of times without a unit, cells that are no numbers or bring their own unit.
ImportedTable import_table(std::string_view text, const std::string& file, const ImportHints& hints);

}  // namespace perfbench
