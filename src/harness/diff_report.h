// A diff for people and for CI. The text depends on the diffs alone: no clock, no host.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>

#include "base/json.h"
#include "harness/diff.h"

namespace perfbench {

// current / baseline - 1; nothing for INVALID and where the baseline has no value.
std::optional<double> change_of(const MetricDiff& metric);
// "step_time_s 9.91 -> 10.9, +10.0 % (95 %: +8.8 to +11.3; threshold 5 %)", without the interval where there is none,
// and the reason.
std::string metric_text(const MetricDiff& metric);
// Why the row has its verdict: its reason, else the metrics that have this verdict; "" for a plain NEW or SAME.
std::string reason_text(const RowDiff& row);
// "33 rows: 32 SAME, 1 SLOWER"; verdicts that no row has are left out.
std::string counts_text(const Diff& diff);

// The rows that are not SAME, worst first, and the counts.
std::string diff_terminal(const Diff& diff);

// One object: baseline, new, counts by verdict, and rows with what was asked, verdict, reason and metrics (name, unit,
// baseline, new, change, its interval as [low, high] and threshold as shares, verdict, reason).
Json diff_json(const Diff& diff);

// JUnit XML: a suite per diff, a case per row. failure: SLOWER, MISSING, with `strict` FASTER; error: INVALID; skipped:
// NEW, AMBIGUOUS.
std::string diff_junit(std::span<const Diff> diffs, bool strict);

// 1024 KiB, of a step of GitHub Actions; a longer summary is dropped as a whole.
inline constexpr std::size_t kMaxSummaryBytes = 1U << 20U;

// Markdown for GitHub's step summary: counts, and the rows that are not SAME, worst first. Rows that would pass
// `max_bytes` are left out, and a last line says how many.
std::string diff_summary(std::span<const Diff> diffs, bool strict, std::size_t max_bytes);

// Workflow commands of GitHub Actions, worst first: "::error ..." for what fails, "::warning ..." for AMBIGUOUS; at
// most ten of each, as many as it shows.
std::string diff_annotations(std::span<const Diff> diffs, bool strict);

}  // namespace perfbench
