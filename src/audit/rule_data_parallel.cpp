#include <fmt/format.h>

#include "audit/rules.h"
#include "base/text.h"

namespace perfbench {
namespace {

bool holds_number(const AuditedRow& row, std::string_view name) {
  const AuditedCell* cell = find_cell(row, name);
  return cell != nullptr && parse_double(cell->text).has_value();
}

Finding not_dp(const AuditedRow& row, std::string_view name, std::int64_t dp) {
  Finding finding = finding_at(row, "data_parallel", name);
  finding.severity = Severity::error;
  finding.consistent = std::to_string(dp);
  finding.evidence = fmt::format("GPUs {} / (TP {} x PP {} x CP {}) = {} is not {} {}", text_of(row, "num_gpus"),
                                 count_of(row, "tp").value_or(1), count_of(row, "pp").value_or(1),
                                 count_of(row, "cp").value_or(1), dp, finding.column, finding.printed);
  return finding;
}

Findings check_row(const AuditedRow& row) {
  Findings findings;
  const PrintedBatch batch = batch_of(row);
  const auto dp = count_of(row, "dp"), fsdp = count_of(row, "fsdp");
  if (dp && batch.dp && dp != batch.dp) findings.push_back(not_dp(row, "dp", *batch.dp));
  const bool is_size = find_cell(row, "lbs") != nullptr;      // tables that print a local batch print FSDP as a size
  const bool is_zero = parse_int(text_of(row, "fsdp")) == 0;  // a flag may be 0, a size not
  if (is_size && batch.dp && (is_zero || (fsdp && fsdp != batch.dp)) && !holds_number(row, "kerneloptimizations")) {
    findings.push_back(not_dp(row, "fsdp", *batch.dp));
    findings.back().confidence = Confidence::likely;
  }
  // Where it is a flag, documents print the size of the sharding group for 1, too: DP, or DP x CP.
  const std::int64_t cp = count_of(row, "cp").value_or(1);
  const bool shards_all = batch.dp && fsdp && (*fsdp == *batch.dp || *fsdp == *batch.dp * cp);
  if (!is_size && fsdp && *fsdp > 1 && !shards_all) {
    Finding finding = finding_at(row, "data_parallel", "fsdp");
    finding.severity = Severity::error;
    finding.consistent = "0 or 1";
    finding.evidence =
        batch.dp ? fmt::format("FSDP {} is neither a flag nor DP {}, the size that is sharded over", *fsdp, *batch.dp)
                 : fmt::format("FSDP is a flag in this table, not a size of {}", *fsdp);
    findings.push_back(finding);
  }
  return findings;
}

}  // namespace

Findings audit_data_parallel(const AuditInput& input) { return in_each_row(input, check_row); }

}  // namespace perfbench
