// The rules of an audit: a new one is a function in a file of its own, its line here and its line in the table.
#pragma once

#include <span>
#include <string_view>

#include "audit/audited_table.h"

namespace perfbench {

struct AuditRule {
  std::string_view id;
  std::string_view sentence;  // what must hold
  Findings (*check)(const AuditInput&);
};

// In the order in which the findings of one row are given.
std::span<const AuditRule> audit_rules();

// The table of docs/audit.md: one line per rule.
std::string audit_rules_markdown();

Findings audit_empty_table(const AuditInput& input);
Findings audit_cells(const AuditInput& input);
Findings audit_shifted(const AuditInput& input);
Findings audit_swapped(const AuditInput& input);
Findings audit_batch(const AuditInput& input);
Findings audit_data_parallel(const AuditInput& input);
Findings audit_layout(const AuditInput& input);
Findings audit_length(const AuditInput& input);
Findings audit_throughput(const AuditInput& input);
Findings audit_flops(const AuditInput& input);
Findings audit_single_figure(const AuditInput& input);
Findings audit_peak(const AuditInput& input);
Findings audit_ceiling(const AuditInput& input);
Findings audit_repeated(const AuditInput& input);
Findings audit_command(const AuditInput& input);
Findings audit_notation(const AuditInput& input);

}  // namespace perfbench
