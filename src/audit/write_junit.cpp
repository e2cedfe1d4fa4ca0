#include <fmt/format.h>

#include "audit/writers.h"
#include "base/text.h"

namespace perfbench {
namespace {

struct Case {
  std::string xml;
  bool failed = false;
};

// A case fails once, with all its findings in the text.
Case case_of(const std::string& table, const std::string& row, std::span<const Finding> findings) {
  std::string message, failures, notes;
  for (const Finding& finding : findings) {
    if (finding.table != table || finding.row != row) continue;
    const std::string line = fmt::format("{} {}: {}", finding.rule, finding.column, finding.evidence);
    if (finding.severity == Severity::info) {
      notes += line + "\n";
      continue;
    }
    if (message.empty()) message = line;
    failures += line + "\n";
  }
  std::string xml = fmt::format("    <testcase classname=\"perfbench.audit.{}\" name=\"{}\" time=\"0\"",
                                xml_escaped(table), xml_escaped(row.empty() ? "the table" : row));
  if (failures.empty() && notes.empty()) return {xml + "/>\n"};
  xml += ">\n";
  if (!failures.empty())
    xml += fmt::format("      <failure message=\"{}\" type=\"audit\">{}</failure>\n", xml_escaped(message),
                       xml_escaped(failures));
  if (!notes.empty()) xml += fmt::format("      <system-out>{}</system-out>\n", xml_escaped(notes));
  return {xml + "    </testcase>\n", !failures.empty()};
}

std::string attributes(std::string_view name, std::size_t tests, std::size_t failures) {
  return fmt::format("name=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"0\" skipped=\"0\" time=\"0\"",
                     xml_escaped(name), tests, failures);
}

}  // namespace

std::string findings_junit(const AuditInput& input, std::span<const Finding> findings) {
  std::string suites;
  std::size_t tests = 0, failures = 0;
  for (const AuditedTable& table : input.tables) {
    std::vector<Case> cases{case_of(table.name, "", findings)};
    for (const AuditedRow& row : table.rows) cases.push_back(case_of(table.name, row.id, findings));
    std::size_t failed = 0;
    std::string xml;
    for (const Case& one : cases) {
      failed += one.failed ? 1 : 0;
      xml += one.xml;
    }
    suites += fmt::format("  <testsuite {}>\n{}  </testsuite>\n", attributes(table.name, cases.size(), failed), xml);
    tests += cases.size();
    failures += failed;
  }
  return fmt::format("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites {}>\n{}</testsuites>\n",
                     attributes("perfbench audit", tests, failures), suites);
}

}  // namespace perfbench
