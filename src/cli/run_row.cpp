// The main form: one row, predicted, printed and, where asked, written.
#include <fmt/format.h>
#include <unistd.h>

#include <utility>

#include "cli/asked.h"
#include "cli/commands.h"
#include "cli/measure_flags.h"
#include "cli/output.h"
#include "cli/record.h"
#include "cli/result_folder.h"
#include "cli/run_environment.h"
#include "cli/show_job.h"
#include "engine/engine.h"
#include "engine/gpu/telemetry_summary.h"
#include "harness/progress.h"
#include "harness/run_id.h"
#include "rows/published.h"
#include "rows/run_record.h"
#include "rows/writers.h"
#include "runners/auto_mode.h"
#include "runners/calibration.h"
#include "runners/machine_check.h"
#include "runners/measure_row.h"
#include "runners/plan_row.h"
#include "runners/simulate_row.h"
#include "runners/slice_engine.h"
#include "runners/stop_signal.h"

namespace perfbench {
namespace {

// Standard output is the row's.
bool prints_a_form(const Options& options) { return options.json || options.csv || options.markdown; }

std::string printed(const Row& row, const Options& options) {
  if (options.json) return row_json(row);
  if (options.csv) return rows_csv({&row, 1});
  if (options.markdown) return rows_markdown({&row, 1});
  return row_terminal(row);
}

void print_step(const Options& options, StepLogFormat format, const LoggedStep& step) {
  const std::string text = step_lines(format, step);
  if (prints_a_form(options))
    say(text);
  else
    print_on_the_way(text);
}

using Telemetry = std::vector<TelemetrySample>;  // every reading of the GPUs

std::function<void(std::span<const TelemetrySample>)> kept_in(Telemetry& telemetry) {
  return [&telemetry](std::span<const TelemetrySample> samples) { telemetry.assign(samples.begin(), samples.end()); };
}

// Prints a line of each step, or, on a terminal where there are none, a bar.
Row measured_row(const CommandLine& line, const Job& job, bool must_fit, Telemetry& telemetry) {
  const Options& options = line.options;
  const MeasureSettings settings = measure_settings(line);
  const StepLogFormat format = step_log_format(options);
  std::optional<Progress> progress;
  if (format == StepLogFormat::none && isatty(STDERR_FILENO) != 0) progress.emplace(stderr, true, settings.steps);
  MeasureParts parts = engine_parts(settings.device);
  parts.must_fit = must_fit;
  parts.watched = kept_in(telemetry);
  parts.step_done = [&](const LoggedStep& step) {
    if (format != StepLogFormat::none) print_step(options, format, step);
    if (progress) progress->step(true, "");
  };
  catch_stop_signals();
  return RowMeasurer(settings, std::move(parts))(job);
}

SliceResult sliced_row(const CommandLine& line, const Job& job, const Catalog& catalog, Telemetry& telemetry) {
  const SliceSettings settings = slice_settings(line);
  SliceParts parts = slice_engine_parts(settings, catalog);
  parts.engine.must_fit = true;
  parts.engine.watched = kept_in(telemetry);
  if (isatty(STDERR_FILENO) != 0) {
    parts.step_done = [&](int stage, std::int64_t step) {
      say(fmt::format("\rstage {}, step {} of {}{}", stage, step, settings.measure.steps,
                      step == settings.measure.steps ? "\n" : ""));
    };
  }
  catch_stop_signals();
  return RowSlicer(settings, std::move(parts))(job);
}

bool is_auto(const Options& options) { return options.mode.value_or("auto") == "auto"; }

bool may_load_engine(const Options& options) {
  return runs_engine(options) || (is_auto(options) && !options.calibration && has_nvidia_driver());
}

bool may_use_several_gpus(const CommandLine& line) {
  const bool may_measure = measures_on_cuda(line) || is_auto(line.options);
  return may_measure && !wants_slice(line.options) && line.request.num_gpus != 1;
}

// Of a line that measures on GPUs: those of this machine must be there, and are the system.
Request request_of(const CommandLine& line, const Catalog& catalog) {
  Request request = asked_request(line);
  if (!measures_on_cuda(line)) return request;
  const EngineReport report = engine_report();
  require_machine(report, 1);
  apply_devices(report, catalog, request);
  return request;
}

// A row and what was found out on the way to it.
struct AskedRow {
  Row row;
  std::vector<std::string> warnings{};
  bool can_be_simulated = false;                 // its system has a data sheet
  std::shared_ptr<const KernelTable> kernels{};  // of slices
  Telemetry telemetry{};
};

// By the mode that the line names.
AskedRow row_of_mode(const CommandLine& line, const Catalog& catalog, bool must_fit) {
  const Asked asked = resolve_asked(line, request_of(line, catalog), catalog);
  AskedRow result{.row = {}, .warnings = asked.warnings, .can_be_simulated = asked.job.system.has_data_sheet()};
  if (wants_measure(line.options)) {
    result.row = measured_row(line, asked.job, must_fit, result.telemetry);
  } else if (wants_slice(line.options)) {
    SliceResult sliced = sliced_row(line, asked.job, catalog, result.telemetry);
    result.row = std::move(sliced.row);
    result.kernels = std::move(sliced.kernels);
  } else {
    result.row = simulate_row(asked.job, catalog, calibration_of(line.options.calibration));
  }
  result.row.row_choice = asked.choice.sentence;
  result.row.notes.insert(result.row.notes.end(), asked.notes.begin(), asked.notes.end());
  return result;
}

ModeChoice mode_choice(const CommandLine& line, const Catalog& catalog) {
  if (line.options.calibration) return {.why = "--calibration is for predictions"};
  if (!has_nvidia_driver()) return {.why = "this machine has no NVIDIA driver"};
  const Request request = asked_request(line);
  const Job job = resolve_asked(line, request, catalog).job;
  if (!job.system.has_data_sheet()) return {};  // the CPU, which is measured only when asked
  return choose_mode(job, request.stack.value_or(""), engine_report());
}

AskedRow auto_row(const CommandLine& line, const Catalog& catalog) {
  ModeChoice choice = mode_choice(line, catalog);
  CommandLine chosen = line;
  chosen.options.mode = choice.measures ? "measure" : "simulate";
  AskedRow result = row_of_mode(chosen, catalog, false);
  if (choice.measures && result.row.status == Status::unsupported) {
    choice = {.measures = false, .why = result.row.reason};
    chosen.options.mode = "simulate";
    result = row_of_mode(chosen, catalog, false);
  }
  if (result.can_be_simulated) result.row.notes.push_back(note_of(choice));
  return result;
}

// The row of what is asked; of what cannot be a Job here, a row that says so.
AskedRow asked_row(const CommandLine& line, const Catalog& catalog) {
  try {
    return is_auto(line.options) ? auto_row(line, catalog) : row_of_mode(line, catalog, true);
  } catch (const Unsupported& problem) {
    return {.row = unsupported_row(with_defaults(asked_request(line), compat_of(line.options)), problem)};
  }
}

void add_engine_versions(RunRecord& record, const Row& row) {
  const EngineReport report = engine_report();
  record.versions.emplace_back("libtorch", report.libtorch.version);
  if (row.system == kCpuSystem) return;
  record.versions.emplace_back("cuda", report.cuda.version);
  record.versions.emplace_back("nccl", report.nccl.version);
}

RunRecord record_of(const CommandLine& line, const EnvVars& env_vars, const Catalog& catalog, const AskedRow& asked) {
  RunRecord record = record_of(line, env_vars, catalog);
  record.run = asked.row.run;
  if (asked.row.loss_ok || asked.kernels) add_engine_versions(record, asked.row);  // steps were run
  return record;
}

// The files of a result beside those that each has.
NamedTexts further_files(const AskedRow& asked) {
  NamedTexts texts;
  if (!asked.telemetry.empty()) texts.emplace_back("telemetry.csv", telemetry_csv(asked.telemetry, asked.row.run));
  if (asked.kernels) texts.emplace_back("kernels.json", dump_json(to_json(*asked.kernels)) + "\n");
  return texts;
}

ExitCode exit_code_of(const Row& row) {
  switch (row.status) {
    case Status::ok:
      return ExitCode::ok;
    case Status::timeout:
      return ExitCode::timeout;
    case Status::interrupted:
      return stop_exit_code();
    case Status::oom:
    case Status::unsupported:
    case Status::failed:
      return ExitCode::run_failed;
  }
  return ExitCode::run_failed;
}

ExitCode dry_run(const CommandLine& line, const Catalog& catalog) {
  // Without a --gpu the job is that of this machine's GPUs; else a dry run looks at no machine.
  const bool looks = !line.request.system && measures_on_cuda(line) && has_nvidia_driver();
  const Asked asked = resolve_asked(line, looks ? request_of(line, catalog) : asked_request(line), catalog);
  warn(asked.warnings);
  std::optional<Row> planned;  // what an engine makes of a job is seen when it runs
  if (!runs_engine(line.options))
    planned = RowPlanner(catalog, calibration_of(line.options.calibration))(asked.job).row;
  return print(line.options.json ? job_json(asked, planned) : job_text(asked, planned));
}

}  // namespace

ExitCode run_row(const CommandLine& line) {
  RunEnvironment environment(line.options);
  const Catalog catalog = Catalog::find();
  if (may_load_engine(line.options)) environment.set(may_use_several_gpus(line));
  if (line.options.dryrun) return dry_run(line, catalog);
  const std::optional<ResultFolder> folder = result_folder(line.options);

  AskedRow asked = asked_row(line, catalog);
  Row& row = asked.row;
  const bool runs = row.method == Method::measured || row.method == Method::slice;
  if (environment.given()) row.notes.push_back(environment.note(runs) + (folder ? "; recorded in run.json" : ""));
  RunId id;
  id.add(row);
  row.run = id.text();
  ExitCode code = exit_code_of(row);
  std::string where;
  try {
    if (folder)
      where =
          write_result(*folder, row, record_of(line, environment.variables(), catalog, asked), further_files(asked));
  } catch (const RunError& error) {
    code = report(error);  // and the row is printed all the same
  }
  warn(asked.warnings);
  if (prints_a_form(line.options)) say(std::exchange(where, ""));
  print(printed(row, line.options) + (where.empty() ? "" : "\n" + where));
  return code;
}

}  // namespace perfbench
