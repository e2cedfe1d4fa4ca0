// perfbench export: a configuration table as NeMo's scripts read it.
#include "base/file.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "job/config_table.h"

namespace perfbench {

ExitCode run_export(const CommandLine& line) {
  const ConfigTable table = read_config_table(line.words.front());
  if (!table.problems.empty()) throw InputError(table.problems);
  if (line.options.output) require_writable_file(*line.options.output);
  const std::string text = export_for_nemo(table);
  warn(table.warnings);
  if (!line.options.output) return print(text);
  write_file(*line.options.output, text);
  return ExitCode::ok;
}

}  // namespace perfbench
