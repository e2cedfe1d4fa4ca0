#include <fmt/format.h>

#include "base/text.h"
#include "harness/diff_report.h"

namespace perfbench {
namespace {

std::string shown(const std::optional<double>& value) { return value ? fmt::format("{:.5g}", *value) : "-"; }

}  // namespace

std::optional<double> change_of(const MetricDiff& metric) {
  if (metric.verdict == Verdict::invalid || !metric.baseline || !metric.current) return std::nullopt;
  return *metric.current / *metric.baseline - 1.0;
}

std::string metric_text(const MetricDiff& metric) {
  std::string text = fmt::format("{} {} -> {}", metric.metric, shown(metric.baseline), shown(metric.current));
  if (const std::optional<double> change = change_of(metric)) {
    text += fmt::format(", {:+.1f} % (", 100.0 * *change);
    if (metric.interval)
      text += fmt::format("95 %: {:+.1f} to {:+.1f}; ", 100.0 * metric.interval->low, 100.0 * metric.interval->high);
    text += fmt::format("threshold {:.4g} %)", 100.0 * metric.threshold);
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
