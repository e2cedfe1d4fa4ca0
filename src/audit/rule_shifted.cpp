// Two kinds of shift: a number under a heading of words, and a whole row that has lost or gained a cell.
#include <fmt/format.h>

#include <array>

#include "audit/flops_fit.h"
#include "audit/rules.h"
#include "base/text.h"

namespace perfbench {
namespace {

constexpr std::array<std::string_view, 2> kWords{"kerneloptimizations", "model"};

Findings numbers_among_words(const AuditedRow& row) {
  Findings findings;
  for (const std::string_view name : kWords) {
    const auto number = parse_int(text_of(row, name));
    if (!number) continue;
    Finding words = finding_at(row, "shifted", name);
    words.severity = Severity::error;
    words.evidence = fmt::format("{} is a number under a heading of words", words.printed);
    const auto dp = batch_of(row).dp, fsdp = count_of(row, "fsdp");
    if (name != "model" && dp == number && fsdp != dp) {
      Finding size = finding_at(row, "shifted", "fsdp");
      size.severity = Severity::error;
      size.consistent = words.printed;
      words.consistent = "-";
      size.evidence = words.evidence = fmt::format("DP = GPUs / (TP x PP x CP) = {} stands under {}, and {} under {}",
                                                   *dp, words.column, size.printed, size.column);
      findings.push_back(std::move(size));
    }
    findings.push_back(std::move(words));
  }
  return findings;
}

bool is_coherent(const AuditedRow& row) {
  const PrintedBatch b = batch_of(row);
  if (b.exchanged || !b.gbs || !b.mbs || !b.ga || !b.dp) return false;
  if (static_cast<double>(*b.gbs) != samples_of_step(b)) return false;
  const auto fit = flops_fit(row);
  return fit && fit->fits();
}

// The row with an unset cell put in before cell `at`; what falls off at the end must be unset.
std::optional<AuditedRow> with_cell_put_in(const AuditedRow& row, std::size_t at) {
  if (!is_unset(row.cells.back().text)) return std::nullopt;
  AuditedRow moved = row;
  for (std::size_t i = row.cells.size() - 1; i > at; --i) moved.cells[i].text = row.cells[i - 1].text;
  moved.cells[at].text = "";
  return moved;
}

AuditedRow with_cell_taken_out(const AuditedRow& row, std::size_t at) {
  AuditedRow moved = row;
  for (std::size_t i = at; i + 1 < row.cells.size(); ++i) moved.cells[i].text = row.cells[i + 1].text;
  moved.cells.back().text = "";
  return moved;
}

Findings moved_from(const AuditedRow& row, const AuditedRow& moved, std::size_t at, std::string_view how) {
  Finding finding{.table = row.table,
                  .row = row.id,
                  .column = row.cells[at].heading,
                  .rule = "shifted",
                  .severity = Severity::error,
                  .printed = row.cells[at].text,
                  .consistent = is_unset(moved.cells[at].text) ? "-" : moved.cells[at].text};
  finding.evidence = fmt::format("{} from {} on, GBS = MBS x GA x DP holds and TFLOP/s goes with tokens/s by {}", how,
                                 finding.column, row.flops.convention ? name(*row.flops.convention) : "");
  return {finding};
}

Findings check_row(const AuditedRow& row) {
  Findings findings = numbers_among_words(row);
  if (!findings.empty() || row.cells.empty() || row.model == nullptr || !row.flops.convention || is_coherent(row))
    return findings;
  for (std::size_t at = 0; at < row.cells.size(); ++at) {
    const auto put_in = with_cell_put_in(row, at);
    if (put_in && is_coherent(*put_in)) return moved_from(row, *put_in, at, "moved right by a column");
    const AuditedRow taken_out = with_cell_taken_out(row, at);
    if (is_coherent(taken_out)) return moved_from(row, taken_out, at, "moved left by a column");
  }
  return findings;
}

}  // namespace

Findings audit_shifted(const AuditInput& input) { return in_each_row(input, check_row); }

}  // namespace perfbench
