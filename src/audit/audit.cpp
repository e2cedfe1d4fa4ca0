#include "audit/audit.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <tuple>

#include "audit/rules.h"

namespace perfbench {

Findings audit(const AuditInput& input) {
  Findings all;
  for (const AuditRule& rule : audit_rules()) {
    Findings found = rule.check(input);
    all.insert(all.end(), std::make_move_iterator(found.begin()), std::make_move_iterator(found.end()));
  }
  // A finding of a whole table stands before its rows.
  std::map<std::pair<std::string, std::string>, std::size_t> places;
  for (const AuditedTable& table : input.tables) {
    places.emplace(std::pair(table.name, std::string()), places.size());
    for (const AuditedRow& row : table.rows) places.emplace(std::pair(table.name, row.id), places.size());
  }
  const auto key = [&](const Finding& f) {
    const auto found = places.find({f.table, f.row});
    return std::tuple(found == places.end() ? places.size() : found->second, -static_cast<int>(f.severity));
  };
  std::stable_sort(all.begin(), all.end(), [&](const Finding& a, const Finding& b) { return key(a) < key(b); });
  return all;
}

std::size_t count(std::span<const Finding> findings, Severity severity) {
  return static_cast<std::size_t>(
      std::count_if(findings.begin(), findings.end(), [&](const Finding& f) { return f.severity == severity; }));
}

}  // namespace perfbench
