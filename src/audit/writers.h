// Findings for people, for programs and for CI.
#pragma once

#include <span>
#include <string>

#include "audit/audited_table.h"
#include "base/json.h"

namespace perfbench {

std::string findings_terminal(const AuditInput& input, std::span<const Finding> findings);

// {"tables": [{"table", "rows"}], "findings": [{"table", "row", "column", "rule", "severity", "printed", "consistent",
// "evidence", "confidence"}], "errors", "warnings", "infos"}. A text that is not known is null.
Json findings_json(const AuditInput& input, std::span<const Finding> findings);

// A test suite per table and a test case per row; with findings above info a case fails.
std::string findings_junit(const AuditInput& input, std::span<const Finding> findings);

// Every row that prints TFLOP/s and tokens/s or a step time: FLOPs per token by the table's convention with its quirks,
// those that the printed figures imply, and the deviation.
std::string flops_report_terminal(const AuditInput& input);
Json flops_report_json(const AuditInput& input);

}  // namespace perfbench
