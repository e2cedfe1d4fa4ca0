// perfbench calibrate: the kernels of jobs, and a grid of others, timed one by one into a file.
#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <set>

#include "base/file.h"
#include "base/host_memory.h"
#include "cli/asked.h"
#include "cli/commands.h"
#include "cli/measure_flags.h"
#include "cli/output.h"
#include "engine/engine.h"
#include "engine/worker.h"
#include "harness/progress.h"
#include "harness/sweep.h"
#include "job/resolve.h"
#include "models/programs.h"
#include "program/kernel_sites.h"
#include "program/operands.h"
#include "runners/machine_check.h"
#include "runners/measured_on.h"
#include "runners/run_environment.h"
#include "runners/run_telemetry.h"
#include "runners/stop_signal.h"
#include "runners/time_kernels.h"

namespace perfbench {
namespace {

constexpr std::int64_t kBudgetSeconds = 120;
constexpr std::size_t kMostWarnings = 5;  // of kernels that were skipped

// What is to be timed, each kernel once, in the order in which it was found.
class KernelList {
 public:
  void add(const Job& job) {
    const auto plan = std::make_shared<const Plan>(build_plan(job));
    for (const auto& [signature, site] : kernel_sites(*plan))
      if (runs_alone(*site.op)) add({signature, std::shared_ptr<const Program>(plan, site.program), *site.op});
  }
  void add(PlannedKernel kernel) {
    if (seen_.insert(kernel.signature).second) kernels_.push_back(std::move(kernel));
  }
  const std::vector<PlannedKernel>& kernels() const { return kernels_; }

 private:
  std::set<std::string> seen_;
  std::vector<PlannedKernel> kernels_;
};

// Rows that have no Program, or break a rule, have no kernels; returns how many there are.
std::int64_t add_tables(KernelList& kernels, const CommandLine& line, const Catalog& catalog) {
  const Options& options = line.options;
  const Where where = options.where ? parse_where(*options.where, "--where", where_names()) : Where{};
  const SweepPlan rows = plan_sweep({line.words.begin(), line.words.end()}, where, line.request.stack, catalog);
  warn(rows.warnings);
  std::int64_t without = rows.broken_rows;
  for (const ConfigRow& row : rows.rows) {
    try {
      kernels.add(make_job(row.request, catalog));
    } catch (const Unsupported&) {
      ++without;
    } catch (const InputError&) {
      ++without;
    }
  }
  return without;
}

double now_s() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

// Random operands are made in float32 before they are narrowed.
constexpr std::int64_t kBytesPerOperandByte = 4;

// A system that runs out of memory ends the process: what could come to that is not begun.
void require_memory(const Program& program, const Op& op, const std::optional<std::int64_t>& available) {
  std::int64_t bytes = 0;
  for (const Operand& operand : collect(op)) bytes += program.type(operand.id).bytes();
  if (!available || kBytesPerOperandByte * bytes <= *available) return;
  throw RunError(kHostMemory, fmt::format("operands of {} bytes, {} bytes are free", bytes, *available));
}

KernelTable timed(const std::vector<PlannedKernel>& kernels, const MeasureSettings& settings, double budget_s,
                  std::vector<std::string>& warnings) {
  const std::unique_ptr<OpTimer> timer =
      open_op_timer({.device = settings.device, .seed = settings.seed, .timeout_s = settings.timeout_s});
  const auto available = settings.device == Device::cpu ? available_memory_bytes() : std::nullopt;
  Progress progress(stderr, isatty(STDERR_FILENO) != 0, static_cast<std::int64_t>(kernels.size()));
  const auto time = [&](const Program& program, const Op& op) {
    require_memory(program, op, available);
    return timer->time(program, op);
  };
  const auto skipped = [&](std::string_view signature, std::string_view why) {
    if (warnings.size() < kMostWarnings) warnings.push_back(fmt::format("{}: skipped: {}", signature, why));
  };
  return time_kernels(kernels, budget_s,
                      {.time = time,
                       .now_s = now_s,
                       .done = [&](std::string_view signature) { progress.step(true, op_of(signature)); },
                       .skipped = skipped,
                       .stop = [] { return stop_signal() != 0 || num_threads_left_behind() > 0; }});
}

std::string why_left_out() {
  if (num_threads_left_behind() > 0) return "a kernel hangs";
  return stop_signal() != 0 ? "stopped by " + stop_signal_name() : "the --budget was spent";
}

std::string summary(const KernelTable& table, const std::string& file, std::int64_t without) {
  std::string text = fmt::format("{} kernels of {} in {}\n", table.kernels.size(), table.on.device, file);
  if (table.skipped > 0)
    text += fmt::format("{} skipped: too large for it, or nothing that it can run\n", table.skipped);
  if (table.left_out > 0) text += fmt::format("{} left out: {}\n", table.left_out, why_left_out());
  if (without > 0) text += fmt::format("{} rows of the tables have no kernels here\n", without);
  if (table.on.system.empty()) text += "the device is of no known system: no prediction will use the file\n";
  return text;
}

}  // namespace

ExitCode run_calibrate(const CommandLine& line) {
  RunEnvironment environment(line.options.env_vars);
  const Catalog catalog = Catalog::find();
  environment.set(false);
  const MeasureSettings settings = measure_settings(line);
  const std::string& file = *line.options.output;
  require_writable_file(file);
  const EngineReport report = engine_report();
  if (settings.device == Device::cuda) require_machine(report, 1);
  const MeasuredOn on = measured_on(settings.device, report, catalog);
  KernelList kernels;
  std::int64_t without = 0;
  if (!line.words.empty()) {
    without = add_tables(kernels, line, catalog);
  } else if (line.request.model) {
    Request request = asked_request(line);
    if (settings.device == Device::cuda) apply_devices(report, catalog, request);
    const Asked asked = resolve_asked(line, request, catalog);
    warn(asked.warnings);
    kernels.add(asked.job);
  }
  const SystemSpec system = on.system.empty() ? SystemSpec{} : catalog.system(on.system, "calibrate");
  const GridLimits limits = settings.device == Device::cpu ? kCpuGrid : GridLimits{};
  for (PlannedKernel& kernel : kernel_grid(system, catalog, limits)) kernels.add(std::move(kernel));

  const auto budget_s = static_cast<double>(line.options.budget.value_or(kBudgetSeconds));
  std::vector<std::string> warnings;
  const MeasureParts parts = engine_parts(settings.device);
  catch_stop_signals();
  RunTelemetry telemetry(1, parts, report);
  KernelTable table = timed(kernels.kernels(), settings, budget_s, warnings);
  if (!telemetry.missing().empty()) warnings.push_back("no telemetry of the GPU: " + telemetry.missing());
  warn(warnings);
  table.on = on;
  set_clocks(table.on, telemetry.finish());
  write_file(file, dump_json(to_json(table)) + "\n");
  print(summary(table, file, without) + (environment.given() ? environment.note(true) + "\n" : ""));
  if (num_threads_left_behind() > 0) return ExitCode::timeout;
  if (stop_signal() != 0) return stop_exit_code();
  return table.kernels.empty() ? ExitCode::run_failed : ExitCode::ok;
}

}  // namespace perfbench
