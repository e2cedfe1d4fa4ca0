// The main form: one row, predicted, printed and, where asked, written.
#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <utility>

#include "base/file.h"
#include "cli/asked.h"
#include "cli/auto_mode.h"
#include "cli/calibration.h"
#include "cli/commands.h"
#include "cli/machine_check.h"
#include "cli/measure_row.h"
#include "cli/output.h"
#include "cli/record.h"
#include "cli/show_job.h"
#include "cli/simulate_row.h"
#include "cli/slice_engine.h"
#include "engine/engine.h"
#include "engine/telemetry_summary.h"
#include "harness/progress.h"
#include "rows/published.h"
#include "rows/run_record.h"
#include "rows/writers.h"
#include "spec/env_vars.h"

namespace perfbench {
namespace {

using Folder = std::optional<std::filesystem::path>;  // of the result files

Folder result_folder(const Options& options) {
  if (options.out) return *options.out;
  const char* home = std::getenv("NEMORUN_HOME");
  if (home == nullptr || *home == '\0') return std::nullopt;
  return std::filesystem::path(home) / "perfbench";
}

std::string printed(const Row& row, const Options& options) {
  if (options.json) return row_json(row);
  if (options.csv) return rows_csv({&row, 1});
  if (options.markdown) return rows_markdown({&row, 1});
  return row_terminal(row);
}

void print_step(const Options& options, StepLogFormat format, const LoggedStep& step) {
  const std::string text = step_lines(format, step);
  if (options.json || options.csv || options.markdown)
    say(text);  // standard output is the row's
  else
    print_on_the_way(text);
}

// Every reading of the GPUs into a file there.
std::function<void(std::span<const TelemetrySample>)> telemetry_writer(const std::filesystem::path& folder) {
  return [file = folder / "telemetry.csv"](std::span<const TelemetrySample> samples) {
    write_file(file, telemetry_csv(samples));
  };
}

// Prints a line of each step, or, on a terminal where there are none, a bar. Readings of GPUs go to `folder`.
Row measured_row(const CommandLine& line, const Job& job, const Folder& folder, bool must_fit) {
  const Options& options = line.options;
  const MeasureSettings settings = measure_settings(line);
  const StepLogFormat format = step_log_format(options);
  std::optional<Progress> progress;
  if (format == StepLogFormat::none && isatty(STDERR_FILENO) != 0) progress.emplace(stderr, true, settings.steps);
  MeasureParts parts = engine_parts(settings.device);
  parts.must_fit = must_fit;
  if (folder) parts.watched = telemetry_writer(*folder);
  parts.step_done = [&](const LoggedStep& step) {
    if (format != StepLogFormat::none) print_step(options, format, step);
    if (progress) progress->step(true, "");
  };
  return RowMeasurer(settings, std::move(parts))(job);
}

SliceResult sliced_row(const CommandLine& line, const Job& job, const Catalog& catalog, const Folder& folder) {
  const SliceSettings settings = slice_settings(line);
  SliceParts parts = slice_engine_parts(settings, catalog);
  parts.engine.must_fit = true;
  if (folder) parts.engine.watched = telemetry_writer(*folder);
  if (isatty(STDERR_FILENO) != 0) {
    parts.step_done = [&](int stage, std::int64_t step) {
      say(fmt::format("\rstage {}, step {} of {}{}", stage, step, settings.measure.steps,
                      step == settings.measure.steps ? "\n" : ""));
    };
  }
  return RowSlicer(settings, std::move(parts))(job);
}

bool is_auto(const Options& options) { return options.mode.value_or("auto") == "auto"; }

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
};

// By the mode that the line names.
AskedRow row_of_mode(const CommandLine& line, const Catalog& catalog, const Folder& folder, bool must_fit) {
  const Asked asked = resolve_asked(line, request_of(line, catalog), catalog);
  AskedRow result{.row = {}, .warnings = asked.warnings, .can_be_simulated = asked.job.system.has_data_sheet()};
  if (wants_measure(line.options)) {
    result.row = measured_row(line, asked.job, folder, must_fit);
  } else if (wants_slice(line.options)) {
    SliceResult sliced = sliced_row(line, asked.job, catalog, folder);
    result.row = std::move(sliced.row);
    result.kernels = std::move(sliced.kernels);
  } else {
    result.row = simulate_row(asked.job, catalog, calibration_of(line.options));
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

AskedRow auto_row(const CommandLine& line, const Catalog& catalog, const Folder& folder) {
  ModeChoice choice = mode_choice(line, catalog);
  CommandLine chosen = line;
  chosen.options.mode = choice.measures ? "measure" : "simulate";
  AskedRow result = row_of_mode(chosen, catalog, folder, false);
  if (choice.measures && result.row.status == Status::unsupported) {
    choice = {.measures = false, .why = result.row.reason};
    chosen.options.mode = "simulate";
    result = row_of_mode(chosen, catalog, folder, false);
  }
  if (result.can_be_simulated) result.row.notes.push_back(note_of(choice));
  return result;
}

// The row of what is asked; of what cannot be a Job here, a row that says so.
AskedRow asked_row(const CommandLine& line, const Catalog& catalog, const Folder& folder) {
  try {
    return is_auto(line.options) ? auto_row(line, catalog, folder) : row_of_mode(line, catalog, folder, true);
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

ExitCode dry_run(const CommandLine& line, const Catalog& catalog) {
  // Without a --gpu the job is that of this machine's GPUs; else a dry run looks at no machine.
  const bool looks = !line.request.system && measures_on_cuda(line) && has_nvidia_driver();
  const Asked asked = resolve_asked(line, looks ? request_of(line, catalog) : asked_request(line), catalog);
  warn(asked.warnings);
  return print(line.options.json ? job_json(asked) : job_text(asked));
}

}  // namespace

ExitCode run_row(const CommandLine& line) {
  const EnvVars env_vars = line.options.env_vars ? read_env_vars(*line.options.env_vars) : EnvVars{};
  const Catalog catalog = Catalog::find();
  if (line.options.dryrun) return dry_run(line, catalog);
  const Folder folder = result_folder(line.options);
  if (folder) require_writable_directory(*folder);

  AskedRow asked = asked_row(line, catalog, folder);
  Row& row = asked.row;
  if (line.options.env_vars) {
    row.notes.push_back(fmt::format("{}: {} variables, without effect on a prediction{}", *line.options.env_vars,
                                    env_vars.size(), folder ? ", recorded in run.json" : ""));
  }
  if (folder) {
    RunRecord record = record_of(line, env_vars);
    if (row.loss_ok || asked.kernels) add_engine_versions(record, row);  // steps were run
    write_results(*folder, {&row, 1}, record);
    if (asked.kernels) write_file(*folder / "kernels.json", dump_json(to_json(*asked.kernels)) + "\n");
  }
  warn(asked.warnings);
  print(printed(row, line.options));
  return row.status == Status::ok ? ExitCode::ok : ExitCode::run_failed;
}

}  // namespace perfbench
