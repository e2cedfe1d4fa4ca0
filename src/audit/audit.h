// Published tables against themselves: every rule over every row.
#pragma once

#include <cstddef>
#include <span>

#include "audit/audited_table.h"

namespace perfbench {

// The findings of all rules, table by table in the order of the input, within a table row by row, the most severe of a
// row first.
Findings audit(const AuditInput& input);

std::size_t count(std::span<const Finding> findings, Severity severity);

}  // namespace perfbench
