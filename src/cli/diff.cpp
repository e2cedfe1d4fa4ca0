// perfbench diff: new rows against a baseline, for people and for CI.
#include "harness/diff.h"

#include <filesystem>
#include <system_error>

#include "base/file.h"
#include "cli/commands.h"
#include "cli/diff_output.h"
#include "rows/run_record.h"
#include "rows/writers.h"

namespace perfbench {
namespace {

namespace fs = std::filesystem;

// Rows and where they are from: the file itself, or rows.csv of a folder. A path that leads nowhere is a file: its
// reader says why.
struct Source {
  std::string name;
  std::vector<Row> rows;
};

Source read_source(const fs::path& path) {
  std::error_code error;
  if (!fs::is_directory(path, error)) return {path.string(), read_rows_csv(path)};
  return {(path / "rows.csv").string(), read_results(path)};
}

}  // namespace

ExitCode run_diff(const CommandLine& line) {
  const Thresholds thresholds = asked_thresholds(line.options);
  const Source before = read_source(line.words[0]), after = read_source(line.words[1]);
  if (line.options.junit) require_writable_file(*line.options.junit);
  const Diff diff = diff_rows(before.name, before.rows, after.name, after.rows, thresholds);
  return report_diffs({&diff, 1}, line.options);
}

}  // namespace perfbench
