#include <fmt/format.h>

#include "base/text.h"
#include "harness/diff_report.h"

namespace perfbench {
namespace {

enum class Outcome { passed, failure, error, skipped };

Outcome outcome_of(const RowDiff& row, bool strict) {
  if (row.verdict == Verdict::invalid) return Outcome::error;
  if (is_failure(row, strict)) return Outcome::failure;
  const bool skipped = row.verdict == Verdict::added || row.verdict == Verdict::ambiguous;
  return skipped ? Outcome::skipped : Outcome::passed;
}

std::string_view element(Outcome outcome) {
  switch (outcome) {
    case Outcome::passed:
      return "";
    case Outcome::failure:
      return "failure";
    case Outcome::error:
      return "error";
    case Outcome::skipped:
      return "skipped";
  }
  return "";
}

std::string message_of(const RowDiff& row) {
  const std::string reason = reason_text(row);
  return reason.empty() ? std::string(name(row.verdict)) : fmt::format("{}: {}", name(row.verdict), reason);
}

std::string case_xml(const RowDiff& row, bool strict) {
  std::string text =
      fmt::format("    <testcase classname=\"perfbench.{}.{}\" name=\"{}\" time=\"0\"", xml_escaped(row.row.system),
                  xml_escaped(row.row.model), xml_escaped(configuration_of(row.row)));
  const Outcome outcome = outcome_of(row, strict);
  if (outcome == Outcome::passed) return text + "/>\n";
  return text + fmt::format(">\n      <{} message=\"{}\" type=\"{}\"/>\n    </testcase>\n", element(outcome),
                            xml_escaped(message_of(row)), name(row.verdict));
}

struct Counts {
  std::size_t tests = 0, failures = 0, errors = 0, skipped = 0;
};

Counts counts_of(std::span<const Diff> diffs, bool strict) {
  Counts counts;
  for (const Diff& diff : diffs)
    for (const RowDiff& row : diff.rows) {
      const Outcome outcome = outcome_of(row, strict);
      ++counts.tests;
      counts.failures += outcome == Outcome::failure;
      counts.errors += outcome == Outcome::error;
      counts.skipped += outcome == Outcome::skipped;
    }
  return counts;
}

std::string attributes(std::string_view name, const Counts& counts) {
  return fmt::format("name=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\" time=\"0\"",
                     xml_escaped(name), counts.tests, counts.failures, counts.errors, counts.skipped);
}

}  // namespace

std::string diff_junit(std::span<const Diff> diffs, bool strict) {
  std::string text = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
  text += fmt::format("<testsuites {}>\n", attributes("perfbench diff", counts_of(diffs, strict)));
  for (const Diff& diff : diffs) {
    const std::string name = fmt::format("{} against {}", diff.current, diff.baseline);
    text += fmt::format("  <testsuite {}>\n", attributes(name, counts_of({&diff, 1}, strict)));
    for (const RowDiff& row : diff.rows) text += case_xml(row, strict);
    text += "  </testsuite>\n";
  }
  return text + "</testsuites>\n";
}

}  // namespace perfbench
