#include "audit/audit.h"
#include "audit/writers.h"

namespace perfbench {
namespace {

Json text_or_null(const std::string& text) { return text.empty() ? Json() : Json(text); }

Json to_json(const Finding& finding) {
  return Json::Object{{"table", finding.table},
                      {"row", text_or_null(finding.row)},
                      {"column", text_or_null(finding.column)},
                      {"rule", std::string(finding.rule)},
                      {"severity", std::string(name(finding.severity))},
                      {"printed", text_or_null(finding.printed)},
                      {"consistent", text_or_null(finding.consistent)},
                      {"evidence", finding.evidence},
                      {"confidence", std::string(name(finding.confidence))}};
}

}  // namespace

Json findings_json(const AuditInput& input, std::span<const Finding> findings) {
  Json::Array tables, list;
  for (const AuditedTable& table : input.tables)
    tables.push_back(Json::Object{{"table", table.name}, {"rows", static_cast<std::int64_t>(table.rows.size())}});
  for (const Finding& finding : findings) list.push_back(to_json(finding));
  const auto number = [&](Severity severity) { return static_cast<std::int64_t>(count(findings, severity)); };
  return Json::Object{{"tables", std::move(tables)},
                      {"findings", std::move(list)},
                      {"errors", number(Severity::error)},
                      {"warnings", number(Severity::warning)},
                      {"infos", number(Severity::info)}};
}

}  // namespace perfbench
