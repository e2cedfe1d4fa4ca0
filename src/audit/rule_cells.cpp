#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "audit/rules.h"
#include "base/text.h"
#include "rows/published_fields.h"

namespace perfbench {
namespace {

// Where 0 stands for "not used".
constexpr std::array<std::string_view, 4> kMayBeZero{"vp", "ep", "fsdp", "sp"};

// The rule that a set cell breaks; "" when it keeps it.
std::string broken_rule(const AuditedCell& cell) {
  const auto is_it = [&](const auto& field) { return field.name == cell.name; };
  if (cell.name == "sp" || std::ranges::any_of(kPublishedCounts, is_it)) {
    const std::int64_t least = std::ranges::find(kMayBeZero, cell.name) == kMayBeZero.end() ? 1 : 0;
    const auto count = parse_int(cell.text);
    return count && *count >= least ? "" : fmt::format("must be a whole number of at least {}", least);
  }
  if (!std::ranges::any_of(kPublishedFigures, is_it)) return "";
  const auto figure = parse_double(cell.text);
  return figure && *figure > 0.0 ? "" : "must be a positive number";
}

Findings check_row(const AuditedRow& row) {
  Findings findings;
  for (const AuditedCell& cell : row.cells) {
    const std::string rule = is_unset(cell.text) ? "" : broken_rule(cell);
    if (rule.empty()) continue;
    findings.push_back({.table = row.table,
                        .row = row.id,
                        .column = cell.heading,
                        .rule = "cells",
                        .severity = Severity::error,
                        .printed = cell.text,
                        .evidence = fmt::format("{} {}", cell.heading, rule),
                        .confidence = Confidence::certain});
  }
  return findings;
}

}  // namespace

Findings audit_cells(const AuditInput& input) { return in_each_row(input, check_row); }

}  // namespace perfbench
