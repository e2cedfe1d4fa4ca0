// Rows of a baseline against new rows of the same configurations.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "harness/verdict.h"
#include "rows/row.h"

namespace perfbench {

struct RowDiff {
  Row row{};  // what was asked, without the results: of the new row, or of the baseline where it is MISSING
  Verdict verdict = Verdict::same;
  std::string reason{};               // where no metric gives it: a changed status, a near configuration
  std::vector<MetricDiff> metrics{};  // those that one of the rows knows; NEW where the baseline doesn't
};

struct Diff {
  std::string baseline, current;  // the files, as they were given
  std::vector<RowDiff> rows{};    // those of the baseline in their order, then the NEW ones
};

// "llama3_70b pretrain fp8cs on 64 x h100, gbs 128, mbs 1, seq_len 8192, tp 4, pp 8, vp 5, stack megatron, simulated"
std::string configuration_of(const Row& row);

// Matches rows by what was asked and by the method, never by position, and judges every metric. A row that is not ok on
// either side:
//   same status and feature          SAME, or what its numbers say where it has any (oom)
//   same status, other feature       AMBIGUOUS
//   a worse status                   INVALID
//   a better status                  NEW: the baseline holds no number for it
// Throws InputError, naming everything that differs: a file without rows, a row without model or system, a
// configuration that stands twice in one file, no configuration in common, or rows of one configuration with other
// methods, FLOP conventions, windows or schema versions.
Diff diff_rows(std::string baseline_name, std::span<const Row> baseline, std::string current_name,
               std::span<const Row> current, const Thresholds& thresholds);

std::size_t count(const Diff& diff, Verdict verdict);
// Worst first; rows of one verdict in the order of the diff.
std::vector<const RowDiff*> worst_first(const Diff& diff);

// regression for a row that is SLOWER, MISSING or INVALID, and with `strict` also for a FASTER one.
bool is_failure(const RowDiff& row, bool strict);
ExitCode exit_code(std::span<const Diff> diffs, bool strict);

}  // namespace perfbench
