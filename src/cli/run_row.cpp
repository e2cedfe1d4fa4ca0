// The main form: one row, predicted, printed and, where asked, written.
#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <utility>

#include "base/file.h"
#include "cli/asked.h"
#include "cli/calibration.h"
#include "cli/commands.h"
#include "cli/measure_row.h"
#include "cli/output.h"
#include "cli/record.h"
#include "cli/show_job.h"
#include "cli/simulate_row.h"
#include "cli/slice_engine.h"
#include "engine/engine.h"
#include "harness/progress.h"
#include "rows/published.h"
#include "rows/run_record.h"
#include "rows/writers.h"
#include "spec/env_vars.h"

namespace perfbench {
namespace {

std::optional<std::filesystem::path> result_folder(const Options& options) {
  if (options.out) return *options.out;
  const char* home = std::getenv("NEMORUN_HOME");
  if (home == nullptr || *home == '\0') return std::nullopt;
  return std::filesystem::path(home) / "perfbench";
}

// The row of a job that nothing here can carry out as it was asked.
Row unsupported_row_of(const CommandLine& line, const Job& job, const Catalog& catalog, const Unsupported& problem) {
  Row row = row_of(job);
  if (wants_measure(line.options)) row.method = Method::measured;
  if (wants_slice(line.options)) row.method = Method::slice;
  set_unsupported(row, problem);
  set_published(row, job, read_published(catalog.folder() / "published", job.system.name));
  return row;
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
    fmt::print(stderr, "{}", text);  // standard output is the row's
  else
    print(text);
}

// Prints a line of each step, or, on a terminal where there are none, a bar.
Row measured_row(const CommandLine& line, const Job& job) {
  const Options& options = line.options;
  const MeasureSettings settings = measure_settings(line);
  const StepLogFormat format = step_log_format(options);
  std::optional<Progress> progress;
  if (format == StepLogFormat::none && isatty(STDERR_FILENO) != 0) progress.emplace(stderr, true, settings.steps);
  MeasureParts parts = engine_parts();
  parts.step_done = [&](const LoggedStep& step) {
    if (format != StepLogFormat::none) print_step(options, format, step);
    if (progress) progress->step(true, "");
  };
  return RowMeasurer(settings, std::move(parts))(job);
}

Row sliced_row(const CommandLine& line, const Job& job, const Catalog& catalog,
               std::shared_ptr<const KernelTable>& kernels) {
  const SliceSettings settings = slice_settings(line);
  SliceParts parts = slice_engine_parts(settings, catalog);
  if (isatty(STDERR_FILENO) != 0) {
    parts.step_done = [&](int stage, std::int64_t step) {
      fmt::print(stderr, "\rstage {}, step {} of {}{}", stage, step, settings.measure.steps,
                 step == settings.measure.steps ? "\n" : "");
    };
  }
  SliceResult result = RowSlicer(settings, std::move(parts))(job);
  kernels = std::move(result.kernels);
  return std::move(result.row);
}

// What comes with a row.
struct Beside {
  std::vector<std::string> warnings{};
  std::shared_ptr<const KernelTable> kernels{};  // of slices
};

// The row of what is asked; of what cannot be a Job here, a row that says so.
Row asked_row(const CommandLine& line, const Catalog& catalog, Beside& beside) {
  try {
    const Asked asked = resolve_asked(line, catalog);
    beside.warnings = asked.warnings;
    Row row = asked.unsupported             ? unsupported_row_of(line, asked.job, catalog, *asked.unsupported)
              : wants_measure(line.options) ? measured_row(line, asked.job)
              : wants_slice(line.options)   ? sliced_row(line, asked.job, catalog, beside.kernels)
                                            : simulate_row(asked.job, catalog, calibration_of(line.options));
    row.row_choice = asked.choice.sentence;
    row.notes.insert(row.notes.end(), asked.notes.begin(), asked.notes.end());
    return row;
  } catch (const Unsupported& problem) {
    return unsupported_row(with_defaults(asked_request(line), compat_of(line.options)), problem);
  }
}

ExitCode dry_run(const CommandLine& line, const Catalog& catalog) {
  const Asked asked = resolve_asked(line, catalog);
  warn(asked.warnings);
  return print(line.options.json ? job_json(asked) : job_text(asked));
}

}  // namespace

ExitCode run_row(const CommandLine& line) {
  const EnvVars env_vars = line.options.env_vars ? read_env_vars(*line.options.env_vars) : EnvVars{};
  const Catalog catalog = Catalog::find();
  if (line.options.dryrun) return dry_run(line, catalog);
  const std::optional<std::filesystem::path> folder = result_folder(line.options);
  if (folder) require_writable_directory(*folder);

  Beside beside;
  Row row = asked_row(line, catalog, beside);
  if (line.options.env_vars) {
    row.notes.push_back(fmt::format("{}: {} variables, without effect on a prediction{}", *line.options.env_vars,
                                    env_vars.size(), folder ? ", recorded in run.json" : ""));
  }
  if (folder) {
    RunRecord record = record_of(line, env_vars);
    if (row.loss_ok || beside.kernels)
      record.versions.emplace_back("libtorch", engine_report().libtorch.version);  // steps were run
    write_results(*folder, {&row, 1}, record);
    if (beside.kernels) write_file(*folder / "kernels.json", dump_json(to_json(*beside.kernels)) + "\n");
  }
  warn(beside.warnings);
  print(printed(row, line.options));
  return row.status == Status::ok ? ExitCode::ok : ExitCode::run_failed;
}

}  // namespace perfbench
