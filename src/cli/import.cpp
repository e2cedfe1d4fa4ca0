// perfbench import: a published table in the project's form, or a log as a measured row.
#include <fmt/format.h>

#include "base/file.h"
#include "cli/commands.h"
#include "cli/import_hints.h"
#include "cli/import_row.h"
#include "cli/output.h"
#include "import/import_log.h"
#include "import/import_summary.h"
#include "import/import_table.h"
#include "job/catalog.h"
#include "job/flops_convention.h"
#include "rows/writers.h"

namespace perfbench {
namespace {

constexpr std::size_t kLinesOfALog = 3;  // a document about runs may quote one

void require_convention(const Options& options) {
  if (!options.convention || parse_flops_convention(*options.convention)) return;
  std::vector<std::string> names;
  names.reserve(std::size(kFlopsConventions));
  for (const FlopsConvention convention : kFlopsConventions) names.emplace_back(name(convention));
  throw InputError("--convention", fmt::format("\"{}\" is none", *options.convention),
                   fmt::format("valid: {}", fmt::join(names, ", ")));
}

bool is_log(const std::string& text, const Options& options) {
  const ImportFormat format = options.format.value_or(ImportFormat::automatic);
  return format == ImportFormat::log ||
         (format == ImportFormat::automatic && (is_automodel_summary(text) || count_log_lines(text) >= kLinesOfALog));
}

ExitCode write_or_print(const Options& options, const std::string& text) {
  if (!options.output) return print(text);
  write_file(*options.output, text);
  return ExitCode::ok;
}

ExitCode import_as_table(const CommandLine& line, const std::string& text, const Catalog& catalog) {
  const ImportedTable table = import_table(text, line.words.front(), import_hints(line, catalog));
  warn(table.warnings);
  return write_or_print(line.options, table.csv);
}

ExitCode import_as_log(const CommandLine& line, const std::string& text, const Catalog& catalog) {
  const ImportedRun run = import_run(line, import_log(text, line.words.front()), catalog);
  warn(run.warnings);
  const bool json = line.options.json || (line.options.output && line.options.output->ends_with(".json"));
  write_or_print(line.options, json ? rows_json({&run.row, 1}) : rows_csv({&run.row, 1}));
  return run.row.status == Status::ok ? ExitCode::ok : ExitCode::run_failed;
}

}  // namespace

ExitCode run_import(const CommandLine& line) {
  require_convention(line.options);
  const std::string text = read_file(line.words.front());
  if (line.options.output) require_writable_file(*line.options.output);
  const Catalog catalog = Catalog::find();
  return is_log(text, line.options) ? import_as_log(line, text, catalog) : import_as_table(line, text, catalog);
}

}  // namespace perfbench
