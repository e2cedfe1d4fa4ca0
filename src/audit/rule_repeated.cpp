#include <fmt/format.h>

#include <array>
#include <map>
#include <set>

#include "audit/rules.h"
#include "base/text.h"
#include "job/catalog.h"

namespace perfbench {
namespace {

constexpr std::array<std::string_view, 6> kSizes{"num_gpus", "gbs", "mbs", "lbs", "seq_len", "fsdp"};
constexpr std::array<std::string_view, 5> kAxes{"tp", "pp", "cp", "vp", "ep"};
constexpr std::array<std::string_view, 4> kWords{"recompute", "optimizations", "shardingstrategy", "compile"};
constexpr std::array<std::string_view, 3> kFigures{"step_time_s", "tokens_per_s_per_gpu", "model_tflops_per_gpu"};

constexpr std::array<std::string_view, 3> kReleaseWords{"container", "release", "version"};

// The heading that names the release of a document which has several: "25.11 NeMo Container"; "" where none does.
std::string release_of(const AuditedRow& row) {
  for (const std::string& heading : split(row.section, '>'))
    for (const std::string_view word : kReleaseWords)
      if (lower(heading).find(word) != std::string::npos) return std::string(trim(heading));
  return "";
}

std::string configuration(const AuditedRow& row) {
  const std::string model = row.model == nullptr ? canonical_name(row.model_text) : row.model->name;
  const std::string system = row.system == nullptr ? canonical_name(row.system_text) : row.system->name;
  std::string key = fmt::format("{}|{}|{}|{}|{}|{}", model, system, row.task ? name(*row.task) : "",
                                row.precision ? name(*row.precision) : "", row.stack == nullptr ? "" : row.stack->name,
                                release_of(row));
  for (const std::string_view size : kSizes) key += fmt::format("|{}", count_of(row, size).value_or(0));
  for (const std::string_view axis : kAxes) key += fmt::format("|{}", count_of(row, axis).value_or(1));
  for (const std::string_view word : kWords) key += fmt::format("|{}", lower(text_of(row, word)));
  return key;
}

// The first figure that both print and that differs.
std::string_view contradiction(const AuditedRow& a, const AuditedRow& b) {
  for (const std::string_view figure : kFigures) {
    const auto one = figure_of(a, figure), other = figure_of(b, figure);
    if (one && other && *one != *other) return figure;
  }
  return "";
}

std::string place(const AuditedRow& row) { return fmt::format("{} ({}:{})", row.id, row.table, row.line); }

Finding of_pair(const AuditedRow& row, const AuditedRow& earlier) {
  const std::string_view figure = contradiction(row, earlier);
  if (figure.empty()) {
    return {.table = row.table,
            .row = row.id,
            .rule = "repeated",
            .severity = Severity::info,
            .evidence = "has the configuration of row " + place(earlier),
            .confidence = Confidence::certain};
  }
  Finding finding = finding_at(row, "repeated", figure);
  finding.consistent = text_of(earlier, figure);
  finding.evidence = fmt::format("row {} has the same configuration and prints {}", place(earlier), finding.consistent);
  finding.confidence = Confidence::possible;
  return finding;
}

}  // namespace

Findings audit_repeated(const AuditInput& input) {
  Findings findings;
  std::map<std::string, const AuditedRow*> seen;
  std::map<std::string, const AuditedRow*> ids;
  for (const AuditedTable& table : input.tables) {
    for (const AuditedRow& row : table.rows) {
      const auto [same_id, new_id] = ids.emplace(row.id, &row);
      if (!new_id)
        findings.push_back({.table = row.table,
                            .row = row.id,
                            .rule = "repeated",
                            .severity = Severity::error,
                            .evidence = "the name of the row is taken by " + place(*same_id->second),
                            .confidence = Confidence::certain});
      const auto [same, is_new] = seen.emplace(configuration(row), &row);
      if (!is_new) findings.push_back(of_pair(row, *same->second));
    }
  }
  return findings;
}

}  // namespace perfbench
