// perfbench diff: new rows against a baseline, for people and for CI.
#include "harness/diff.h"

#include <filesystem>
#include <system_error>

#include "cli/commands.h"
#include "cli/diff_output.h"
#include "rows/writers.h"

namespace perfbench {
namespace {

// The file itself, or rows.csv of a folder. A path that leads nowhere is a file: its reader says why.
std::filesystem::path rows_file(const std::filesystem::path& path) {
  std::error_code nowhere;
  return std::filesystem::is_directory(path, nowhere) ? path / "rows.csv" : path;
}

}  // namespace

ExitCode run_diff(const CommandLine& line) {
  const Thresholds thresholds = asked_thresholds(line.options);
  const std::filesystem::path before = rows_file(line.words[0]), after = rows_file(line.words[1]);
  const std::vector<Row> baseline = read_rows_csv(before), current = read_rows_csv(after);
  const Diff diff = diff_rows(before.string(), baseline, after.string(), current, thresholds);
  return report_diffs({&diff, 1}, line.options);
}

}  // namespace perfbench
