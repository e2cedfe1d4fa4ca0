// perfbench accuracy --calibration FILE: predicted times of measured kernels against the measured ones.
#include "harness/kernel_accuracy.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/json.h"
#include "base/table.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "cost/topology.h"
#include "job/catalog.h"
#include "runners/calibration.h"
#include "runners/measure_settings.h"

namespace perfbench {
namespace {

constexpr std::size_t kMostShown = 20;  // worst kernels

std::string percent(double share) { return fmt::format("{:+.1f}", 100.0 * share); }
std::string microseconds(double seconds) { return fmt::format("{:.1f}", 1e6 * seconds); }

SystemSpec system_of(const KernelTable& table, const std::string& file, const Catalog& catalog) {
  if (table.on.system.empty())
    throw InputError(file, fmt::format("\"{}\" is no known system: nothing is predicted for it", table.on.device),
                     "name one in measured_on.system");
  SystemSpec system = catalog.system(table.on.system, file);
  if (!system.has_data_sheet())
    throw InputError(file, fmt::format("system {} has no data sheet: nothing is predicted for it", system.name),
                     "a file that was measured on a GPU");
  return system;
}

std::string errors_text(const std::vector<KernelError>& errors) {
  TextTable table{.header = {"op", "shape", "predicted us", "measured us", "error %"},
                  .rows = {},
                  .right_aligned = {false, false, true, true, true}};
  for (std::size_t i = 0; i < std::min(errors.size(), kMostShown); ++i) {
    const KernelError& e = errors[i];
    table.rows.push_back({e.op, e.shape, microseconds(e.predicted_s), microseconds(e.measured_s), percent(e.error())});
  }
  std::string text = to_terminal(table);
  if (errors.size() > kMostShown) text += fmt::format("... and {} with smaller errors\n", errors.size() - kMostShown);
  return text;
}

std::string by_op_text(const std::vector<OpAccuracy>& lines) {
  TextTable table{.header = {"op", "kernels", "median |error| %", "p90 |error| %"},
                  .rows = {},
                  .right_aligned = {false, true, true, true}};
  for (const OpAccuracy& line : lines)
    table.rows.push_back({line.op, std::to_string(line.kernels), fmt::format("{:.1f}", 100.0 * line.median),
                          fmt::format("{:.1f}", 100.0 * line.p90)});
  return to_terminal(table);
}

std::string answer_json(const KernelTable& table, const std::string& stack, const std::vector<KernelError>& errors) {
  Json::Array kernels, by_op;
  for (const KernelError& e : errors)
    kernels.push_back(Json::Object{{"op", e.op},
                                   {"shape", e.shape},
                                   {"signature", e.signature},
                                   {"predicted_s", e.predicted_s},
                                   {"measured_s", e.measured_s},
                                   {"error", e.error()}});
  for (const OpAccuracy& line : accuracy_by_op(errors))
    by_op.push_back(
        Json::Object{{"op", line.op}, {"kernels", line.kernels}, {"median", line.median}, {"p90", line.p90}});
  return dump_json(Json::Object{{"system", table.on.system},
                                {"device", table.on.device},
                                {"date", table.on.date},
                                {"throttled", table.on.throttled ? Json(*table.on.throttled) : Json()},
                                {"stack", stack},
                                {"by_op", std::move(by_op)},
                                {"kernels", std::move(kernels)}}) +
         "\n";
}

}  // namespace

ExitCode run_kernel_accuracy(const CommandLine& line) {
  const Options& options = line.options;
  const Catalog catalog = Catalog::find();
  const Where where = options.where ? parse_where(*options.where, "--where", kernel_names()) : Where{};
  const Stack stack = catalog.stack(line.request.stack.value_or(kMeasuredStack), "--stack");
  const KernelTable table = read_kernel_table(*options.calibration);
  const SystemSpec system = system_of(table, *options.calibration, catalog);
  const KernelConstants constants = read_kernel_constants(catalog.kernel_constants(system));
  const std::vector<KernelError> errors = kernel_errors(table, where, constants, hardware_of(system), stack.constants);
  if (errors.empty())
    throw InputError(*options.calibration, "holds no kernel that agrees with --where", "leave --where out");
  if (options.json) return print(answer_json(table, stack.name, errors));
  return print(fmt::format("kernels of {} ({}), {}, predicted for stack {}\n\n{}\n{}", table.on.device, system.name,
                           table.on.date, stack.name, errors_text(errors), by_op_text(accuracy_by_op(errors))));
}

}  // namespace perfbench
