#include <fmt/format.h>

#include "audit/rules.h"

namespace perfbench {
namespace {

constexpr std::int64_t kUnit = 16;  // what the token dim of an FP8 product must be a multiple of

Findings check_row(const AuditedRow& row) {
  const auto seq_len = count_of(row, "seq_len");
  if (!seq_len || *seq_len % kUnit == 0) return {};
  Finding finding = finding_at(row, "length", "seq_len");
  const bool needed = row.precision && *row.precision != Precision::bf16;
  finding.severity = needed ? Severity::error : Severity::warning;
  finding.consistent = std::to_string((*seq_len + kUnit / 2) / kUnit * kUnit);
  finding.evidence = fmt::format("a sequence of {} tokens is no multiple of {}{}", *seq_len, kUnit,
                                 needed ? ", which the FP8 products of a microbatch need" : "");
  return {finding};
}

}  // namespace

Findings audit_length(const AuditInput& input) { return in_each_row(input, check_row); }

}  // namespace perfbench
