// perfbench accuracy: predictions against published rows, or against measured kernels.
#include <string>

#include "accuracy/report.h"
#include "cli/choices.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "job/catalog.h"

namespace perfbench {

ExitCode run_accuracy(const CommandLine& line) {
  const Options& options = line.options;
  if (options.calibration) return run_kernel_accuracy(line);
  const Catalog catalog = Catalog::find();
  KnownRows known = known_rows(catalog);
  if (options.where) show_where(known, *options.where);
  const LeaveOut what = options.leave_out.value_or(LeaveOut::row);
  const AccuracyReport report = accuracy_report(std::move(known), what, std::string(word_of(what)));
  return print(options.json ? accuracy_json(report) : accuracy_terminal(report));
}

}  // namespace perfbench
