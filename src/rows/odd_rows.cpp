#include "rows/odd_rows.h"

#include <fmt/format.h>

#include <vector>

#include "base/csv.h"
#include "base/error.h"
#include "base/file.h"
#include "base/text.h"

namespace perfbench {

OddRows read_odd_rows(const std::filesystem::path& folder) {
  const std::filesystem::path path = folder / "odd_rows.csv";
  if (!is_there(path)) return {};
  const CsvTable table = read_csv(path);
  if (table.header != std::vector<std::string>{"row", "reason"})
    throw InputError(table.file, "the columns must be row,reason");
  OddRows odd;
  std::vector<Problem> problems;
  for (const CsvRow& line : table.rows) {
    const std::string where = fmt::format("{}:{}: row={}", table.file, line.line, line.cells[0]);
    if (trim(line.cells[1]).empty()) problems.push_back({where, "must say why", ""});
    if (!odd.emplace(line.cells[0], line.cells[1]).second) problems.push_back({where, "is there twice", ""});
  }
  if (!problems.empty()) throw InputError(std::move(problems));
  return odd;
}

}  // namespace perfbench
