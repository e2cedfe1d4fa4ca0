// The main form: one row, predicted, printed and, where asked, written.
#include <fmt/format.h>
#include <unistd.h>

#include <memory>
#include <utility>

#include "cli/asked.h"
#include "cli/commands.h"
#include "cli/measure_flags.h"
#include "cli/output.h"
#include "cli/show_job.h"
#include "engine/engine.h"
#include "engine/gpu/telemetry_summary.h"
#include "harness/progress.h"
#include "harness/record.h"
#include "harness/run_id.h"
#include "rows/result_folder.h"
#include "rows/writers.h"
#include "runners/auto_mode.h"
#include "runners/calibration.h"
#include "runners/machine_check.h"
#include "runners/make_runner.h"
#include "runners/plan_row.h"
#include "runners/run_environment.h"
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

// A row and what was found out on the way to it.
struct AskedRow {
  Row row;
  std::vector<std::string> warnings{};
  bool can_be_simulated = false;                 // its system has a data sheet
  std::shared_ptr<const KernelTable> kernels{};  // of slices
  std::vector<TelemetrySample> telemetry{};      // every reading of the GPUs
};

// A line of each measured step or, on a terminal where there are none, a bar; of a slice its step.
void show_progress(RunnerHooks& hooks, const CommandLine& line, std::int64_t steps) {
  const StepLogFormat format = step_log_format(line.options);
  const bool on_terminal = isatty(STDERR_FILENO) != 0;
  std::shared_ptr<Progress> progress;
  if (mode_of(line) == Mode::measure && format == StepLogFormat::none && on_terminal)
    progress = std::make_shared<Progress>(stderr, true, steps);
  hooks.step_done = [&line, format, progress](const LoggedStep& step) {
    if (format != StepLogFormat::none) print_step(line.options, format, step);
    if (progress) progress->step(true, "");
  };
  if (!on_terminal) return;
  hooks.slice_step_done = [steps](int stage, std::int64_t step) {
    say(fmt::format("\rstage {}, step {} of {}{}", stage, step, steps, step == steps ? "\n" : ""));
  };
}

Row run_job(const CommandLine& line, const Job& job, const Catalog& catalog, bool must_fit, AskedRow& result) {
  RunnerSettings settings = runner_settings(line);
  settings.must_fit = must_fit;
  RunnerHooks hooks{
      .watched = [&](std::span<const TelemetrySample> all) { result.telemetry.assign(all.begin(), all.end()); },
      .kernels = [&](std::shared_ptr<const KernelTable> kernels) { result.kernels = std::move(kernels); }};
  show_progress(hooks, line, settings.slice.measure.steps);
  if (runs_engine(mode_of(line))) catch_stop_signals();
  return make_runner(mode_of(line), settings, catalog, std::move(hooks))(job);
}

bool may_load_engine(const CommandLine& line) {
  const Mode mode = mode_of(line);
  return runs_engine(mode) || (mode == Mode::automatic && !line.options.calibration && has_nvidia_driver());
}

bool may_use_several_gpus(const CommandLine& line) {
  const Mode mode = mode_of(line);
  const bool may_measure = mode == Mode::automatic || (mode == Mode::measure && measures_on_cuda(line));
  return may_measure && line.request.num_gpus != 1;
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

// By the mode that the line names.
AskedRow row_of_mode(const CommandLine& line, const Catalog& catalog, bool must_fit) {
  const Asked asked = resolve_asked(line, request_of(line, catalog), catalog);
  AskedRow result{.row = {}, .warnings = asked.warnings, .can_be_simulated = asked.job.system.has_data_sheet()};
  result.row = run_job(line, asked.job, catalog, must_fit, result);
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
  chosen.options.mode = choice.measures ? Mode::measure : Mode::simulate;
  AskedRow result = row_of_mode(chosen, catalog, false);
  if (choice.measures && result.row.status == Status::unsupported) {
    choice = {.measures = false, .why = result.row.reason};
    chosen.options.mode = Mode::simulate;
    result = row_of_mode(chosen, catalog, false);
  }
  if (result.can_be_simulated) result.row.notes.push_back(note_of(choice));
  return result;
}

// The row of what is asked; of what cannot be a Job here, a row that says so.
AskedRow asked_row(const CommandLine& line, const Catalog& catalog) {
  try {
    return mode_of(line) == Mode::automatic ? auto_row(line, catalog) : row_of_mode(line, catalog, true);
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
  RunRecord record = new_record(line.given, env_vars, catalog);
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
  if (!runs_engine(mode_of(line)))
    planned = RowPlanner(catalog, calibration_of(line.options.calibration))(asked.job).row;
  return print(line.options.json ? job_json(asked, planned) : job_text(asked, planned));
}

}  // namespace

ExitCode run_row(const CommandLine& line) {
  RunEnvironment environment(line.options.env_vars);
  const Catalog catalog = Catalog::find();
  if (may_load_engine(line)) environment.set(may_use_several_gpus(line));
  if (line.options.dryrun) return dry_run(line, catalog);
  const std::optional<ResultFolder> folder = result_folder(line.options.out);

  AskedRow asked = asked_row(line, catalog);
  Row& row = asked.row;
  const bool runs = row.method == Method::measured || row.method == Method::slice;
  if (environment.given()) row.notes.push_back(environment.note(runs) + (folder ? "; recorded in run.json" : ""));
  RunId id;
  id.add(row);
  row.run = id.text();
  ExitCode code = exit_code_of(row);
  WrittenResult written;
  try {
    if (folder)
      written =
          write_result(*folder, row, record_of(line, environment.variables(), catalog, asked), further_files(asked));
  } catch (const RunError& error) {
    code = report(error);  // and the row is printed all the same
  }
  warn(written.warnings);
  warn(asked.warnings);
  if (prints_a_form(line.options)) say(std::exchange(written.where, ""));
  print(printed(row, line.options) + (written.where.empty() ? "" : "\n" + written.where));
  return code;
}

}  // namespace perfbench
