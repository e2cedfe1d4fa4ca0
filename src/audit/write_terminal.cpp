#include <fmt/format.h>

#include "audit/audit.h"
#include "audit/writers.h"

namespace perfbench {
namespace {

std::string cell_text(const Finding& finding) {
  const std::string printed = finding.printed.empty() ? "-" : finding.printed;
  return finding.consistent.empty() ? printed : fmt::format("{} -> {}", printed, finding.consistent);
}

std::string finding_text(const Finding& finding) {
  std::string text = fmt::format("  {:7} {}", name(finding.severity), finding.row.empty() ? "table" : finding.row);
  if (!finding.column.empty()) text += fmt::format("  {}: {}", finding.column, cell_text(finding));
  return text + fmt::format("\n          {} ({}, {})\n", finding.evidence, finding.rule, name(finding.confidence));
}

}  // namespace

std::string findings_terminal(const AuditInput& input, std::span<const Finding> findings) {
  std::string text;
  std::size_t rows = 0;
  for (const AuditedTable& table : input.tables) {
    rows += table.rows.size();
    std::string of_table;
    for (const Finding& finding : findings)
      if (finding.table == table.name) of_table += finding_text(finding);
    text += fmt::format("{}: {} rows{}\n", table.name, table.rows.size(), of_table.empty() ? ", no findings" : "");
    text += of_table + "\n";
  }
  return text + fmt::format("{} tables, {} rows: {} errors, {} warnings, {} infos\n", input.tables.size(), rows,
                            count(findings, Severity::error), count(findings, Severity::warning),
                            count(findings, Severity::info));
}

}  // namespace perfbench
