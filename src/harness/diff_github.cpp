#include <fmt/format.h>

#include <algorithm>

#include "harness/diff_report.h"

namespace perfbench {
namespace {

constexpr std::size_t kMaxAnnotations = 10;  // errors and warnings of one step that GitHub shows

// A cell of a Markdown table, in which nothing is taken for HTML.
std::string cell(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '|')
      out += "\\|";
    else if (c == '<')
      out += "&lt;";
    else if (c == '\n' || c == '\r')
      out += ' ';
    else
      out += c;
  }
  return out;
}

std::string heading(std::span<const Diff> diffs, bool strict) {
  const bool failed = exit_code(diffs, strict) != ExitCode::ok;
  std::string text = fmt::format("## perfbench diff: {}\n\n", failed ? "failed" : "passed");
  for (const Diff& diff : diffs)
    text += fmt::format("- {} against {}: {}\n", cell(diff.current), cell(diff.baseline), counts_text(diff));
  return text;
}

std::vector<const RowDiff*> all_worst_first(std::span<const Diff> diffs) {
  std::vector<const RowDiff*> rows;
  for (const Diff& diff : diffs)
    for (const RowDiff* row : worst_first(diff)) rows.push_back(row);
  std::stable_sort(rows.begin(), rows.end(),
                   [](const RowDiff* a, const RowDiff* b) { return a->verdict > b->verdict; });
  std::erase_if(rows, [](const RowDiff* row) { return row->verdict == Verdict::same; });
  return rows;
}

// The rules of workflow commands: what ends a message or a property is written as %XX.
std::string command_text(std::string_view text, bool is_property) {
  std::string out;
  for (const char c : text) {
    const bool special = c == '%' || c == '\n' || c == '\r' || (is_property && (c == ':' || c == ','));
    if (special)
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    else
      out += c;
  }
  return out;
}

std::string annotation(std::string_view level, const RowDiff& row) {
  const std::string title = fmt::format("perfbench {}", name(row.verdict));
  const std::string reason = reason_text(row);
  const std::string message = configuration_of(row.row) + (reason.empty() ? "" : ": " + reason);
  return fmt::format("::{} title={}::{}\n", level, command_text(title, true), command_text(message, false));
}

}  // namespace

std::string diff_summary(std::span<const Diff> diffs, bool strict, std::size_t max_bytes) {
  std::string text = heading(diffs, strict);
  const std::vector<const RowDiff*> rows = all_worst_first(diffs);
  if (!rows.empty()) text += "\n| Verdict | Configuration | Why |\n| --- | --- | --- |\n";
  constexpr std::size_t kLastLine = 100;  // bytes kept for the line that says what was left out
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const std::string line = fmt::format("| {} | {} | {} |\n", name(rows[i]->verdict),
                                         cell(configuration_of(rows[i]->row)), cell(reason_text(*rows[i])));
    if (text.size() + line.size() + kLastLine > max_bytes) {
      text +=
          fmt::format("\n{} more rows are left out: the summary is limited to {} bytes.\n", rows.size() - i, max_bytes);
      break;
    }
    text += line;
  }
  return text.size() <= max_bytes ? text : "";
}

std::string diff_annotations(std::span<const Diff> diffs, bool strict) {
  std::string text;
  std::size_t num_errors = 0, num_warnings = 0;
  for (const RowDiff* row : all_worst_first(diffs)) {
    if (is_failure(*row, strict) && num_errors++ < kMaxAnnotations) text += annotation("error", *row);
    if (row->verdict == Verdict::ambiguous && num_warnings++ < kMaxAnnotations) text += annotation("warning", *row);
  }
  return text;
}

}  // namespace perfbench
