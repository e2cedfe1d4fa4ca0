#include "base/table.h"
#include "rows/metrics.h"
#include "rows/table_of.h"
#include "rows/writers.h"

namespace perfbench {

TextTable table_of(std::span<const Row> rows, TableUse least) {
  TextTable table;
  for (const Metric& metric : metrics()) {
    if (metric.tables < least) continue;
    table.header.emplace_back(metric.heading);
    table.right_aligned.push_back(metric.type != MetricType::text);
  }
  for (const Row& row : rows) {
    std::vector<std::string>& cells = table.rows.emplace_back();
    for (const Metric& metric : metrics())
      if (metric.tables >= least) cells.push_back(show(metric, row));
  }
  return table;
}

std::string rows_markdown(std::span<const Row> rows) { return to_markdown(table_of(rows, TableUse::markdown)); }

}  // namespace perfbench
