#include <fmt/format.h>

#include <algorithm>

#include "audit/flops_fit.h"
#include "audit/rules.h"

namespace perfbench {
namespace {

std::optional<double> fewest_flops(const AuditedRow& row) {
  std::optional<double> fewest;
  for (const FlopsConvention convention : kFlopsConventions)
    if (const auto flops = flops_of_row(row, convention)) fewest = std::min(fewest.value_or(*flops), *flops);
  return fewest;
}

Findings check_row(const AuditedRow& row) {
  if (row.system == nullptr || !row.precision) return {};
  const auto peak = row.system->peak_flops_per_s(*row.precision);
  const auto flops = fewest_flops(row);
  if (!peak || !flops) return {};
  const double most = *peak / *flops;
  Findings findings;
  const auto check = [&](std::string_view name_of_value, const std::optional<double>& tokens) {
    if (!tokens || *tokens <= most) return;
    Finding finding = finding_at(row, "ceiling", name_of_value);
    finding.severity = Severity::error;
    finding.confidence = Confidence::certain;
    finding.consistent = name_of_value == "step_time_s" ? "" : "at most " + number_text(most);
    finding.evidence =
        fmt::format("{} tokens/s; at {:.4g} FLOPs per token the {} peak of {} allows {}", number_text(*tokens), *flops,
                    name(*row.precision), row.system->name, number_text(most));
    findings.push_back(std::move(finding));
  };
  check("tokens_per_s_per_gpu", figure_of(row, "tokens_per_s_per_gpu"));
  check("step_time_s", tokens_of_step_time(row));
  return findings;
}

}  // namespace

Findings audit_ceiling(const AuditInput& input) { return in_each_row(input, check_row); }

}  // namespace perfbench
