// GBS = MBS x GA x DP; with a local batch, which the pipeline takes between two flushes, GBS = LBS x GA x DP.
#include <fmt/format.h>

#include "audit/rules.h"

namespace perfbench {
namespace {

// The cell that would make gbs = samples x ga x dp true, the others standing; unset where no whole number does.
std::optional<std::int64_t> quotient(std::int64_t gbs, std::int64_t others) {
  if (gbs % others != 0) return std::nullopt;
  return gbs / others;
}

Finding broken(const AuditedRow& row, std::string_view column, const std::string& value, const std::string& evidence,
               Confidence confidence) {
  Finding finding = finding_at(row, "batch", column);
  finding.severity = Severity::error;
  finding.consistent = value;
  finding.evidence = evidence;
  finding.confidence = confidence;
  return finding;
}

std::string step_text(const PrintedBatch& b) { return fmt::format("{:.0f}", samples_of_step(b)); }

std::string identity_text(const PrintedBatch& b, std::string_view samples_name, std::int64_t samples) {
  return fmt::format("{} {} x GA {} x DP {} = {} is not GBS {}", samples_name, samples, *b.ga, *b.dp, step_text(b),
                     *b.gbs);
}

// With a step time the throughput tells that GBS is right, and then LBS or GA is wrong.
Findings check_local(const AuditedRow& row, const PrintedBatch& b) {
  const std::string evidence = identity_text(b, "LBS", *b.lbs);
  Findings findings;
  if (const auto lbs = quotient(*b.gbs, *b.ga * *b.dp))
    findings.push_back(
        broken(row, "lbs", std::to_string(*lbs), evidence + "; one of LBS, GA is wrong", Confidence::possible));
  if (const auto ga = quotient(*b.gbs, *b.lbs * *b.dp))
    findings.push_back(
        broken(row, "ga", std::to_string(*ga), evidence + "; one of LBS, GA is wrong", Confidence::possible));
  if (findings.empty()) findings.push_back(broken(row, "gbs", step_text(b), evidence, Confidence::possible));
  return findings;
}

Findings check_micro(const AuditedRow& row, const PrintedBatch& b) {
  const std::string evidence = identity_text(b, "MBS", *b.mbs);
  if (const auto ga = quotient(*b.gbs, *b.mbs * *b.dp))
    return {broken(row, "ga", std::to_string(*ga), evidence, Confidence::likely)};
  return {broken(row, "gbs", step_text(b), evidence, Confidence::possible)};
}

Findings check_row(const AuditedRow& row) {
  const PrintedBatch b = batch_of(row);
  if (!b.gbs || !b.mbs || !b.dp) return {};
  if (b.lbs && *b.lbs % *b.mbs != 0) {
    Finding finding = finding_at(row, "batch", "lbs");
    finding.severity = Severity::error;
    finding.evidence = fmt::format("LBS {} is no multiple of MBS {}", *b.lbs, *b.mbs);
    finding.confidence = Confidence::possible;
    return {finding};
  }
  if (!b.ga) return {};  // nothing says how often; the layout's rules look at what divides
  if (static_cast<double>(*b.gbs) == samples_of_step(b)) return {};
  return b.lbs ? check_local(row, b) : check_micro(row, b);
}

}  // namespace

Findings audit_batch(const AuditInput& input) { return in_each_row(input, check_row); }

}  // namespace perfbench
