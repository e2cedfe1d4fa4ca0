#include "audit/rules.h"
#include "base/text.h"

namespace perfbench {
namespace {

Finding remark(const AuditedRow& row, std::string_view name, std::string consistent, std::string evidence) {
  Finding finding = finding_at(row, "notation", name);
  finding.severity = Severity::info;
  finding.consistent = std::move(consistent);
  finding.evidence = std::move(evidence);
  return finding;
}

Findings check_row(const AuditedRow& row) {
  Findings findings;
  for (const std::string_view name : {"vp", "ep"})
    if (text_of(row, name) == "0")
      findings.push_back(remark(row, name, "-", heading_of(row, name) + " is a size; 0 is taken as not used"));
  if (count_of(row, "sp") && count_of(row, "tp").value_or(1) == 1)
    findings.push_back(
        remark(row, "sp", "0", "sequence parallelism needs TP above 1; the cell is taken as a size of 1"));
  const bool dispatches = text_of(row, "kerneloptimizations").find("DeepEP") != std::string::npos;
  if (dispatches && find_cell(row, "ep") != nullptr && is_unset(text_of(row, "ep")))
    findings.push_back(remark(row, "ep", "above 1",
                              "the kernels name DeepEP, which routes tokens between expert-parallel ranks, and EP is "
                              "unset"));
  return findings;
}

}  // namespace

Findings audit_notation(const AuditInput& input) { return in_each_row(input, check_row); }

}  // namespace perfbench
