#include <fmt/format.h>

#include "audit/rules.h"

namespace perfbench {
namespace {

Findings check_row(const AuditedRow& row) {
  const PrintedBatch batch = batch_of(row);
  if (!batch.exchanged) return {};
  const bool divides = batch.dp && *batch.gbs % (*batch.mbs * *batch.dp) == 0;
  Finding gbs = finding_at(row, "swapped", "gbs"), mbs = finding_at(row, "swapped", "mbs");
  gbs.severity = mbs.severity = Severity::error;
  gbs.confidence = mbs.confidence = divides ? Confidence::certain : Confidence::likely;
  gbs.consistent = mbs.printed;
  mbs.consistent = gbs.printed;
  std::string evidence = fmt::format("the microbatch {} is over the global batch {}", *batch.gbs, *batch.mbs);
  if (divides)
    evidence += fmt::format("; exchanged, {} = MBS {} x DP {} x {} comes out even", *batch.gbs, *batch.mbs, *batch.dp,
                            *batch.gbs / (*batch.mbs * *batch.dp));
  gbs.evidence = mbs.evidence = evidence;
  return {gbs, mbs};
}

}  // namespace

Findings audit_swapped(const AuditInput& input) { return in_each_row(input, check_row); }

}  // namespace perfbench
