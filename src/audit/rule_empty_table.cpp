#include "audit/rules.h"

namespace perfbench {

Findings audit_empty_table(const AuditInput& input) {
  Findings findings;
  for (const AuditedTable& table : input.tables) {
    if (!table.rows.empty()) continue;
    findings.push_back({.table = table.name,
                        .rule = "empty_table",
                        .severity = Severity::warning,
                        .evidence = "the table has headings and no rows",
                        .confidence = Confidence::certain});
  }
  return findings;
}

}  // namespace perfbench
