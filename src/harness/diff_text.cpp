#include <fmt/format.h>

#include "base/text.h"
#include "harness/diff_report.h"

namespace perfbench {
namespace {

std::string shown(const std::optional<double>& value) { return value ? fmt::format("{:.5g}", *value) : "-"; }

}  // namespace

std::string metric_text(const MetricDiff& metric) {
  std::string text = fmt::format("{} {} -> {}", metric.metric, shown(metric.baseline), shown(metric.current));
  if (metric.verdict != Verdict::invalid) {
    text += fmt::format(", {:+.1f} %", 100.0 * (*metric.current / *metric.baseline - 1.0));
    if (metric.error > 0.0) text += fmt::format(" +/- {:.1f} %", 100.0 * metric.error);
    text += fmt::format(" (threshold {:.4g} %)", 100.0 * metric.threshold);
  }
  return metric.reason.empty() ? text : text + ": " + metric.reason;
}

std::string reason_text(const RowDiff& row) {
  if (!row.reason.empty() || row.verdict == Verdict::same) return row.reason;
  std::vector<std::string> texts;
  for (const MetricDiff& metric : row.metrics)
    if (metric.verdict == row.verdict) texts.push_back(metric_text(metric));
  return join(texts, "; ");
}

std::string counts_text(const Diff& diff) {
  std::vector<std::string> texts;
  for (const Verdict verdict : kVerdicts)
    if (const std::size_t rows = count(diff, verdict)) texts.push_back(fmt::format("{} {}", rows, name(verdict)));
  return fmt::format("{} row{}: {}", diff.rows.size(), diff.rows.size() == 1 ? "" : "s", join(texts, ", "));
}

}  // namespace perfbench
