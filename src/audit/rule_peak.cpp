#include <fmt/format.h>

#include <array>
#include <cmath>

#include "audit/rules.h"
#include "base/text.h"
#include "base/units.h"
#include "rows/show.h"

namespace perfbench {
namespace {

constexpr std::array kPrecisions{Precision::bf16, Precision::fp8cs, Precision::mxfp8, Precision::nvfp4};

std::optional<double> peak_tflops(const AuditedRow& row, Precision precision) {
  if (row.system == nullptr) return std::nullopt;
  const auto peak = row.system->peak_flops_per_s(precision);
  return peak ? std::optional(*peak / kTera) : std::nullopt;
}

Findings over_peak(const AuditedRow& row, double tflops) {
  const double peak = *peak_tflops(row, *row.precision);
  if (tflops <= peak) return {};
  Finding finding = finding_at(row, "peak", "model_tflops_per_gpu");
  finding.severity = Severity::error;
  finding.confidence = Confidence::certain;
  finding.consistent = "at most " + number_text(peak);
  finding.evidence = fmt::format("{} TFLOP/s is {:.0f} % of the {} TFLOP/s that {} reaches in {}",
                                 text_of(row, "model_tflops_per_gpu"), 100.0 * tflops / peak, number_text(peak),
                                 row.system->name, name(*row.precision));
  for (const Precision other : kPrecisions) {
    const auto higher = peak_tflops(row, other);
    if (!higher || tflops > *higher) continue;
    finding.evidence += fmt::format("; {} would reach {}", name(other), number_text(*higher));
    break;
  }
  return {finding};
}

// A printed MFU as a share: "39.4 %" and "39.4" are 0.394, and so is "0.394".
std::optional<double> printed_share(std::string_view text, bool percent) {
  percent = percent || text.ends_with('%');
  if (text.ends_with('%')) text.remove_suffix(1);
  const auto value = parse_double(trim(text));
  if (!value) return std::nullopt;
  return percent || *value > 2.0 ? *value / 100.0 : *value;
}

Findings check_mfu(const AuditedRow& row, double tflops) {
  for (const std::string_view name_of_value : {"mfu", "mfupercent"}) {
    const auto printed = printed_share(text_of(row, name_of_value), name_of_value == "mfupercent");
    if (!printed) continue;
    Finding finding = finding_at(row, "peak", name_of_value);
    const double share = tflops / *peak_tflops(row, *row.precision);
    if (*printed <= 1.0 && std::abs(*printed - share) <= 0.01) return {};
    finding.severity = *printed > 1.0 ? Severity::error : Severity::warning;
    finding.consistent = show_percent(share);
    finding.evidence =
        fmt::format("{} TFLOP/s is {} of the {} peak", number_text(tflops), show_percent(share), name(*row.precision));
    for (const Precision other : kPrecisions) {
      const auto peak = peak_tflops(row, other);
      if (!peak || std::abs(*printed - tflops / *peak) > 0.01) continue;
      finding.evidence +=
          fmt::format("; the printed MFU is against the {} peak of {}", name(other), number_text(*peak));
      break;
    }
    return {finding};
  }
  return {};
}

Findings check_row(const AuditedRow& row) {
  const auto tflops = figure_of(row, "model_tflops_per_gpu");
  if (!tflops || !row.precision || !peak_tflops(row, *row.precision)) return {};
  Findings findings = over_peak(row, *tflops);
  for (Finding& finding : check_mfu(row, *tflops)) findings.push_back(std::move(finding));
  return findings;
}

}  // namespace

Findings audit_peak(const AuditInput& input) { return in_each_row(input, check_row); }

}  // namespace perfbench
