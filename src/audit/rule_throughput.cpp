#include <fmt/format.h>

#include <cmath>

#include "audit/rules.h"

namespace perfbench {
namespace {

// A publisher may cut digits off instead of rounding, and times the steps of a window, not one: one unit of the last
// digit of each figure, and this share on top.
constexpr double kSlack = 0.001;

Findings check_row(const AuditedRow& row) {
  const auto printed = figure_of(row, "tokens_per_s_per_gpu"), derived = tokens_of_step_time(row);
  if (!printed || !derived) return {};
  const double off = *derived / *printed - 1.0;
  const double slack = kSlack + 2.0 * (rounding_of(row, "tokens_per_s_per_gpu") + rounding_of(row, "step_time_s"));
  if (std::abs(off) <= slack) return {};
  Finding finding = finding_at(row, "throughput", "tokens_per_s_per_gpu");
  finding.severity = Severity::error;
  finding.consistent = number_text(*derived);
  finding.evidence = fmt::format("GBS {} x {} tokens / ({} s x {} GPUs) = {} tokens/s, {:+.1f} % off",
                                 *batch_of(row).gbs, *count_of(row, "seq_len"), text_of(row, "step_time_s"),
                                 *count_of(row, "num_gpus"), number_text(*derived), 100.0 * off);
  finding.confidence = Confidence::possible;
  return {finding};
}

}  // namespace

Findings audit_throughput(const AuditInput& input) { return in_each_row(input, check_row); }

}  // namespace perfbench
