// TFLOP/s against tokens/s or the step time. Three outcomes are findings: the table's convention fits only with a quirk
// that the table is known for; another convention fits; none does, and then the factor is given.
#include <fmt/format.h>

#include <cmath>
#include <vector>

#include "audit/flops_fit.h"
#include "audit/rules.h"
#include "base/units.h"

namespace perfbench {
namespace {

std::string deviation_text(double counted, double implied) {
  return fmt::format("{:+.2f} %", 100.0 * (counted / implied - 1.0));
}

bool near(double counted, const FlopsFit& fit) {
  return std::abs(counted / fit.implied - 1.0) <= kFlopsTolerance + fit.rounding;
}

Finding of_quirk(const AuditedRow& row, const FlopsFit& fit) {
  Finding finding = finding_at(row, "flops", "model_tflops_per_gpu");
  finding.severity = Severity::info;
  finding.confidence = Confidence::certain;
  finding.consistent = number_text(fit.plain * fit.tokens_per_s / kTera);
  finding.evidence = fmt::format("{} with {} gives the printed figure within {}; without, {}", name(fit.convention),
                                 quirks_text(row.flops.quirks), deviation_text(fit.counted, fit.implied),
                                 deviation_text(fit.plain, fit.implied));
  return finding;
}

// The cell that is off: TFLOP/s where the step time vouches for tokens/s, else tokens/s.
bool tokens_are_sound(const AuditedRow& row, const FlopsFit& fit) {
  const auto derived = tokens_of_step_time(row);
  return !fit.tokens_printed || (derived && std::abs(*derived / fit.tokens_per_s - 1.0) <= kFlopsTolerance);
}

Finding of_convention(const AuditedRow& row, const FlopsFit& fit, FlopsConvention other, double counted) {
  Finding finding = finding_at(row, "flops", "model_tflops_per_gpu");
  finding.severity = Severity::warning;
  finding.consistent = number_text(fit.counted * fit.tokens_per_s / kTera);
  finding.evidence = fmt::format(
      "the printed figures imply {:.4g} FLOPs per token; {} fits ({}), {}, which the table follows, does "
      "not ({})",
      fit.implied, name(other), deviation_text(counted, fit.implied), name(fit.convention),
      deviation_text(fit.counted, fit.implied));
  return finding;
}

Finding of_factor(const AuditedRow& row, const FlopsFit& fit) {
  const bool sound = tokens_are_sound(row, fit);
  Finding finding = finding_at(row, "flops", sound ? "model_tflops_per_gpu" : "tokens_per_s_per_gpu");
  finding.severity = Severity::error;
  // What the printed value must be multiplied by.
  const double ratio = sound ? fit.counted / fit.implied : fit.implied / fit.counted;
  const double printed = sound ? fit.implied * fit.tokens_per_s / kTera : fit.tokens_per_s;
  const std::string word = factor_word(ratio);
  const std::string by_form = number_text(printed * ratio);
  finding.consistent = word.empty() ? by_form : number_text(printed * whole_factor(ratio));
  finding.confidence = word.empty() ? Confidence::possible : Confidence::likely;
  finding.evidence = fmt::format(
      "the printed figures imply {:.4g} FLOPs per token, {} counts {:.4g} ({}), and no known convention fits; {}{} "
      "gives "
      "{}{}",
      fit.implied, name(fit.convention), fit.counted, deviation_text(fit.counted, fit.implied),
      word.empty() ? "" : fmt::format("{} the printed would fit; ", word), name(fit.convention), by_form,
      sound ? " TFLOP/s" : " tokens/s");
  return finding;
}

// Every way of counting that is known for the model: the conventions, then those of known tables with quirks.
std::vector<TableFlops> known_ways(const AuditedRow& row) {
  std::vector<TableFlops> ways;
  ways.reserve(std::size(kFlopsConventions));
  for (const FlopsConvention convention : kFlopsConventions) ways.push_back({.convention = convention});
  ways.insert(ways.end(), row.elsewhere.begin(), row.elsewhere.end());
  return ways;
}

Finding of_way(const AuditedRow& row, const FlopsFit& fit) {
  const std::string quirks = quirks_text(row.flops.quirks);
  Finding finding = finding_at(row, "flops", "model_tflops_per_gpu");
  finding.severity = Severity::info;
  finding.evidence = fmt::format("{}{} fits ({})", name(fit.convention), quirks.empty() ? "" : " with " + quirks,
                                 deviation_text(fit.counted, fit.implied));
  return finding;
}

// A table that nobody has named a convention for: one that fits says so, else one that is off by a plain factor.
Findings without_convention(const AuditedRow& row) {
  std::vector<Finding> factors;
  std::string gives;
  for (TableFlops& way : known_ways(row)) {
    AuditedRow trial = row;
    trial.flops = std::move(way);
    const auto fit = flops_fit(trial);
    if (!fit) continue;
    if (fit->fits()) return {of_way(trial, *fit)};
    if (!factor_word(fit->implied / fit->counted).empty()) factors.push_back(of_factor(trial, *fit));
    gives +=
        fmt::format("{}{} {} ({})", gives.empty() ? "" : ", ", name(fit->convention),
                    number_text(fit->counted * fit->tokens_per_s / kTera), deviation_text(fit->counted, fit->implied));
  }
  if (gives.empty()) return {};
  if (!factors.empty()) return {factors.front()};
  Finding finding = finding_at(row, "flops", "model_tflops_per_gpu");
  finding.severity = Severity::warning;
  finding.evidence = "no known convention fits; they give " + gives;
  finding.confidence = Confidence::possible;
  return {finding};
}

Findings check_row(const AuditedRow& row) {
  if (!row.flops.convention) return without_convention(row);
  const auto fit = flops_fit(row);
  if (!fit) return {};
  const bool has_quirk = !(row.flops.quirks == FlopsQuirks{});
  if (fit->fits()) return has_quirk && fit->plain > 0.0 ? Findings{of_quirk(row, *fit)} : Findings{};
  if (has_quirk && fit->plain > 0.0 && near(fit->plain, *fit)) {
    Finding finding = of_quirk(row, *fit);
    finding.severity = Severity::warning;  // the table is known for the quirk, and this row lacks it
    finding.confidence = Confidence::likely;
    return {finding};
  }
  for (const FlopsConvention other : kFlopsConventions) {
    const auto counted = other == fit->convention ? std::nullopt : flops_of_row(row, other);
    if (counted && near(*counted, *fit)) return {of_convention(row, *fit, other, *counted)};
  }
  return {of_factor(row, *fit)};
}

}  // namespace

Findings audit_flops(const AuditInput& input) { return in_each_row(input, check_row); }

}  // namespace perfbench
