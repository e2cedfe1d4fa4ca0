#include <fmt/format.h>

#include "audit/flops_fit.h"
#include "audit/rules.h"
#include "base/units.h"

namespace perfbench {
namespace {

Finding worked_out(const AuditedRow& row, std::string_view name_of_value, double value, std::string_view unit) {
  Finding finding = finding_at(row, "single_figure", name_of_value);
  finding.severity = Severity::info;
  finding.consistent = number_text(value);
  const std::string quirks = quirks_text(row.flops.quirks);
  finding.evidence = fmt::format("not printed; {}{} gives {} {}", name(*row.flops.convention),
                                 quirks.empty() ? "" : " with " + quirks, number_text(value), unit);
  return finding;
}

Findings check_row(const AuditedRow& row) {
  const auto tflops = figure_of(row, "model_tflops_per_gpu"), printed = figure_of(row, "tokens_per_s_per_gpu");
  const auto tokens = printed ? printed : tokens_of_step_time(row);
  const auto flops = flops_of_row(row);
  if (!flops || tflops.has_value() == tokens.has_value()) return {};
  if (tflops)
    return {worked_out(row, "tokens_per_s_per_gpu", *tflops * kTera / *flops, "tokens/s for the printed TFLOP/s")};
  return {worked_out(row, "model_tflops_per_gpu", *tokens * *flops / kTera, "TFLOP/s for the printed tokens/s")};
}

}  // namespace

Findings audit_single_figure(const AuditInput& input) { return in_each_row(input, check_row); }

}  // namespace perfbench
