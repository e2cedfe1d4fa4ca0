#include <fmt/format.h>

#include "harness/diff_report.h"

namespace perfbench {

std::string diff_terminal(const Diff& diff) {
  std::string text = fmt::format("baseline {}\nnew      {}\n", diff.baseline, diff.current);
  for (const RowDiff* row : worst_first(diff)) {
    if (row->verdict == Verdict::same) continue;
    text += fmt::format("{:<9} {}\n", name(row->verdict), configuration_of(row->row));
    if (!row->reason.empty()) text += fmt::format("          {}\n", row->reason);
    for (const MetricDiff& metric : row->metrics)
      if (metric.verdict != Verdict::same)
        text += fmt::format("          {:<9} {}\n", name(metric.verdict), metric_text(metric));
  }
  return text + counts_text(diff) + "\n";
}

}  // namespace perfbench
