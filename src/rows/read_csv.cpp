#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "base/csv.h"
#include "base/text.h"
#include "rows/metrics.h"
#include "rows/writers.h"

namespace perfbench {
namespace {

// Rows of another version have other columns: one sentence says so instead of one for each.
void refuse_other_schema(const CsvTable& table) {
  const auto column = std::find(table.header.begin(), table.header.end(), "schema_version");
  if (column == table.header.end() || table.rows.empty()) return;
  const std::string& version = table.rows.front().cells[static_cast<std::size_t>(column - table.header.begin())];
  if (version == std::to_string(kRowSchema)) return;
  throw InputError(table.file,
                   fmt::format("holds rows of schema {}; this perfbench reads schema {}, which has other columns",
                               version, kRowSchema),
                   "write the rows again with this perfbench; a baseline by perfbench baseline update");
}

// The metric of each column; every metric must stand once. (A repeated column is found by the CSV reader.)
std::vector<const Metric*> metrics_of(const CsvTable& table) {
  std::vector<std::string> names;
  for (const Metric& metric : metrics()) names.emplace_back(metric.name);
  std::vector<Problem> problems;
  std::vector<const Metric*> columns;
  for (const std::string& column : table.header) {
    columns.push_back(find_metric(column));
    if (!columns.back())
      problems.push_back({table.file, "unknown column \"" + column + "\"", nearest_hint(column, names)});
  }
  for (const std::string& name : names)
    if (std::find(table.header.begin(), table.header.end(), name) == table.header.end())
      problems.push_back({table.file, "the column " + name + " is missing", ""});
  if (!problems.empty()) refuse_other_schema(table);
  if (!problems.empty()) throw InputError(std::move(problems));
  return columns;
}

// The cell as the JSON value that its metric expects; a text that is none of it stays a text, which the metric refuses.
Json value_of_cell(MetricType type, const std::string& cell) {
  switch (type) {
    case MetricType::text:
      return cell;
    case MetricType::integer:
      if (const auto count = parse_int(cell)) return *count;
      return cell;
    case MetricType::number:
      if (const auto number = parse_double(cell)) return *number;
      if (cell == "nan") return std::numeric_limits<double>::quiet_NaN();  // as rows_csv() writes them
      if (cell == "inf") return std::numeric_limits<double>::infinity();
      if (cell == "-inf") return -std::numeric_limits<double>::infinity();
      return cell;
    case MetricType::boolean:
      if (const auto flag = parse_bool(cell)) return *flag;
      return cell;
    case MetricType::object:
    case MetricType::list:
      return parse_json(cell, "cell");
  }
  return cell;
}

std::string set_cell(Row& row, const Metric& metric, const std::string& cell) {
  if (cell.empty()) return is_required(metric) ? "must not be empty" : "";
  try {
    return metric.set(row, value_of_cell(metric.type, cell));
  } catch (const InputError& error) {
    return "is no JSON: " + error.problems().front().where + ": " + error.problems().front().what;
  }
}

std::vector<Row> rows_of(const CsvTable& table) {
  const std::vector<const Metric*> columns = metrics_of(table);
  std::vector<Row> rows;
  std::vector<Problem> problems;
  for (const CsvRow& line : table.rows) {
    Row& row = rows.emplace_back();
    const std::size_t sound = problems.size();
    for (std::size_t i = 0; i < columns.size(); ++i) {
      std::string rule = set_cell(row, *columns[i], line.cells[i]);
      if (rule.empty()) continue;
      problems.push_back(
          {fmt::format("{}:{}: {}={}", table.file, line.line, columns[i]->name, line.cells[i]), std::move(rule), ""});
    }
    if (std::string rule = convention_rule(row); !rule.empty() && problems.size() == sound)
      problems.push_back({fmt::format("{}:{}: flops_convention=", table.file, line.line), std::move(rule), ""});
  }
  if (!problems.empty()) throw InputError(std::move(problems));
  return rows;
}

}  // namespace

std::vector<Row> parse_rows_csv(std::string_view text, const std::string& file) {
  return rows_of(parse_csv(text, file));
}

std::vector<Row> read_rows_csv(const std::filesystem::path& path) { return rows_of(read_csv(path)); }

}  // namespace perfbench
