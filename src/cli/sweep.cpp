// perfbench sweep: every row of configuration tables, run, kept in a journal, and written.
#include "harness/sweep.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <utility>

#include "base/file.h"
#include "base/first_problem.h"
#include "base/json.h"
#include "base/table.h"
#include "cli/asked.h"
#include "cli/commands.h"
#include "cli/idle_flags.h"
#include "cli/measure_flags.h"
#include "cli/output.h"
#include "cli/record.h"
#include "cli/result_folder.h"
#include "cli/run_environment.h"
#include "engine/abi.h"
#include "engine/worker.h"
#include "harness/digest.h"
#include "harness/progress.h"
#include "job/resolve.h"
#include "rows/writers.h"
#include "runners/calibration.h"
#include "runners/machine_check.h"
#include "runners/measure_row.h"
#include "runners/plan_row.h"
#include "runners/simulate_row.h"
#include "runners/slice_engine.h"
#include "runners/stop_signal.h"

namespace perfbench {
namespace {

namespace fs = std::filesystem;

// Always the same one, not one of each run: its journal is what a sweep goes on from.
fs::path folder_of_sweeps(const Options& options) {
  if (options.out) return *options.out;
  if (const std::optional<fs::path> home = nemorun_home()) return *home / "perfbench-sweep";
  throw InputError("--out", "a sweep needs a folder for its journal and its results",
                   "--out DIR, or set NEMORUN_HOME: $NEMORUN_HOME/perfbench-sweep is the default then");
}

// What of a measurement, or of measured kernels, its rows depend on; nothing for a plain simulation.
std::string measurement_text(const CommandLine& line, const RunEnvironment& environment) {
  if (line.options.calibration) return fmt::format("calibration {}\n", digest(read_file(*line.options.calibration)));
  if (!runs_engine(line.options)) return "";
  const SliceSettings slice = slice_settings(line);
  const MeasureSettings& settings = slice.measure;
  std::string gpus;
  if (settings.device == Device::cuda) {
    const EngineReport report = engine_report();
    gpus = fmt::format(", CUDA {} on {}", report.cuda.version,
                       report.devices.empty() ? "no GPU" : report.devices.front().name);
  }
  const fs::path engine = executable_path().parent_path() / kEngineLibrary;
  std::string text = fmt::format("device {}{}, {} steps, {} of them warm-up, seed {}, engine {}\n",
                                 settings.device == Device::cpu ? "cpu" : "cuda", gpus, settings.steps, settings.warmup,
                                 settings.seed, fs::exists(engine) ? file_digest(engine) : "none");
  if (wants_slice(line.options))
    text += fmt::format("stage {}, microbatches {}\n", slice.stage, slice.microbatches.value_or(0));
  if (environment.given()) text += fmt::format("env_vars {}\n", environment.digest());
  return text;
}

// What a row depends on beside its job: the code, the mode, the kernel constants and the published tables with the
// configurations that they ran, which only predictions are compared with.
class MadeWith {
 public:
  MadeWith(const Catalog& catalog, const CommandLine& line, const RunEnvironment& environment)
      : catalog_(catalog),
        common_(fmt::format("perfbench {} {}\nmode {}\n{}{}", PERFBENCH_VERSION, file_digest("/proc/self/exe"),
                            line.options.mode.value_or("auto"), measurement_text(line, environment),
                            published_digests())),
        simulates_(!runs_engine(line.options)) {}

  const std::string& of(const Job& job) {
    const auto [entry, is_new] = by_system_.try_emplace(job.system.name);
    if (is_new) {
      const fs::path file = catalog_.kernel_constants(job.system.name);
      entry->second = fmt::format("{}kernels {} {}\n", common_, file.filename().string(), file_digest(file));
      const fs::path configs = catalog_.config_table(job.system.name);
      if (simulates_ && fs::exists(configs)) entry->second += fmt::format("configs {}\n", file_digest(configs));
    }
    return entry->second;
  }

 private:
  std::string published_digests() const {
    std::string text;
    for (const fs::path& file : files_in(catalog_.folder() / "published", ".csv"))
      text += fmt::format("published {} {}\n", file.filename().string(), file_digest(file));
    return text;
  }

  const Catalog& catalog_;
  std::string common_;
  bool simulates_;
  std::map<std::string, std::string> by_system_;
};

// A row of a run that was given variables says so.
Runner with_note(Runner runner, const RunEnvironment& environment) {
  if (!environment.given()) return runner;
  return [run = std::move(runner), note = environment.note(true)](const Job& job) {
    Row row = run(job);
    row.notes.push_back(note);
    return row;
  };
}

Runner runner_of(const CommandLine& line, const Catalog& catalog, const RunEnvironment& environment) {
  if (wants_measure(line.options)) {
    const MeasureSettings settings = measure_settings(line);
    return with_note(RowMeasurer(settings, engine_parts(settings.device)), environment);
  }
  if (wants_slice(line.options)) {
    const SliceSettings settings = slice_settings(line);
    const RowSlicer slicer(settings, slice_engine_parts(settings, catalog));
    return with_note([slicer](const Job& job) { return slicer(job).row; }, environment);
  }
  return RowSimulator(catalog, calibration_of(line.options.calibration));
}

Method method_of(const Options& options) {
  if (wants_measure(options)) return Method::measured;
  return wants_slice(options) ? Method::slice : Method::simulated;
}

bool any_on_several_gpus(const SweepPlan& plan) {
  return std::ranges::any_of(plan.rows, [](const ConfigRow& row) { return row.request.num_gpus != 1; });
}

// The rows of a measurement are of the stack and, on the CPU, the system that it asks for.
void apply_measuring(const CommandLine& line, SweepPlan& plan) {
  for (ConfigRow& row : plan.rows) {
    Request flags;
    apply_measuring(line, flags);
    // plan_sweep() has set a stack that the line names.
    if (flags.stack && !line.request.stack) set_stack(row.request, *flags.stack, origin_of(flags, "stack"));
    flags.stack.reset();
    row.request = merge(flags, row.request);
  }
}

std::string layout_text(const Job& job) {
  const ParallelLayout& layout = job.layout;
  return fmt::format("tp {} pp {} cp {} vp {} ep {}{}", layout.tp, layout.pp, layout.cp, layout.vp, layout.ep,
                     layout.fsdp ? " fsdp" : "");
}

std::string job_line(const Job& job) {
  return fmt::format("{} {} {} on {} x {}, {}, gbs {} mbs {} seq_len {}, stack {}", job.model.name, name(job.task),
                     name(job.precision), job.num_gpus, job.system.name, layout_text(job), job.gbs, job.mbs,
                     job.seq_len, job.stack.name);
}

// Of a row that would not be ok: why.
std::string reason_line(const JobOrRow& asked, const Row& row) {
  if (asked.problems.empty()) return fmt::format("{}, {}: {}", name(row.status), row.feature, row.reason);
  const Problem& first = asked.problems.front();
  return fmt::format("{}, {}: {}: {}", name(row.status), row.feature, first.where,
                     first_and_more(first.what, asked.problems.size()));
}

// The row as a prediction would have its status. What an engine makes of a job is seen when it runs.
Row dry_row(const CommandLine& line, const JobOrRow& asked, RowPlanner& plan) {
  if (asked.job && runs_engine(line.options)) return row_of(*asked.job);
  return planned_row(asked, plan);
}

// What would be run, one line each; of what would not come out ok, why.
void dry_run(const CommandLine& line, const SweepPlan& plan, const Catalog& catalog) {
  RowPlanner planner(catalog, calibration_of(line.options.calibration));
  std::string text;
  Json::Array rows;
  for (std::size_t i = 0; i < plan.rows.size(); ++i) {
    const JobOrRow asked = job_or_row(plan.rows[i].request, catalog);
    const Row row = dry_row(line, asked, planner);
    const bool planned = row.status == Status::ok;
    const std::string row_line = planned ? job_line(*asked.job) : reason_line(asked, row);
    if (!line.options.json) {
      text += fmt::format("{}: {}\n", plan.places[i], row_line);
      continue;
    }
    rows.push_back(Json::Object{{"row", plan.places[i]},
                                {"status", planned ? "planned" : std::string(name(row.status))},
                                {"text", row_line},
                                {"job", asked.job ? to_json(row_of(*asked.job)) : Json()}});
  }
  print(line.options.json ? dump_json(Json::Object{{"rows", std::move(rows)}}) + "\n" : text);
}

std::int64_t count(const SweepResult& result, Status status) {
  const auto found = result.counts.find(status);
  return found == result.counts.end() ? 0 : found->second;
}

struct Group {
  std::int64_t rows = 0;
  const SweptRow* first = nullptr;
};

// Whether a row's reason is its own.
bool stands_alone(const SweptRow& row) { return row.status != Status::oom && row.status != Status::unsupported; }

// What the reasons of rows have in common.
std::string group_of(const SweptRow& row) {
  if (row.status == Status::oom) return "oom";
  return fmt::format("{}, {}", name(row.status), stands_alone(row) ? row.place : row.feature);
}

// Rows that are not ok, alike ones together: how many, and the first one's reason.
std::string reasons_text(const SweepResult& result) {
  std::map<std::string, Group> groups;
  for (const SweptRow& row : result.rows) {
    if (row.status == Status::ok) continue;
    Group& group = groups[group_of(row)];
    if (++group.rows == 1) group.first = &row;
  }
  std::string text = groups.empty() ? "" : "\n";
  for (const auto& [title, group] : groups) {
    const std::string place = group.rows == 1 ? group.first->place : "the first is " + group.first->place;
    text += stands_alone(*group.first) ? fmt::format("{}: {}\n", title, group.first->reason)
                                       : fmt::format("{}: {} {}, {}: {}\n", title, group.rows,
                                                     group.rows == 1 ? "row" : "rows", place, group.first->reason);
  }
  return text;
}

std::string summary_text(const SweepResult& result, const SweepPlan& plan, const fs::path& folder) {
  std::string text = reasons_text(result) + fmt::format("\n{} rows:", result.rows.size());
  for (const Status status : kStatuses) {
    if (is_broken_off(status) && count(result, status) == 0) continue;
    text += fmt::format("{} {} {}", status == Status::ok ? "" : ",", count(result, status), name(status));
  }
  if (plan.broken_rows > 0) text += fmt::format("; {} broken, left out", plan.broken_rows);
  return text + fmt::format("\n{} done before, {} run now\nresults: rows.csv, rows.json, rows.md and run.json in {}\n",
                            result.done_before, result.run_now, folder.string());
}

Json summary_json(const SweepResult& result, const SweepPlan& plan, const fs::path& folder) {
  Json::Object counts;
  for (const Status status : kStatuses) counts.emplace_back(std::string(name(status)), count(result, status));
  counts.emplace_back("broken", plan.broken_rows);
  return Json::Object{{"run", result.run},
                      {"rows", static_cast<std::int64_t>(result.rows.size())},
                      {"counts", std::move(counts)},
                      {"done_before", result.done_before},
                      {"run_now", result.run_now},
                      {"rows_csv", (folder / "rows.csv").string()},
                      {"rows_json", (folder / "rows.json").string()},
                      {"rows_md", (folder / "rows.md").string()},
                      {"run_json", (folder / "run.json").string()},
                      {"journal", (folder / "journal.jsonl").string()}};
}

SweepResult run_rows(const CommandLine& line, SweepPlan plan, const Catalog& catalog, Runner runner,
                     MadeWith& made_with, Journal& journal) {
  const std::int64_t repeats = line.options.repeats.value_or(1);
  Progress progress(stderr, isatty(STDERR_FILENO) != 0, static_cast<std::int64_t>(plan.rows.size()) * repeats);
  const SweepHooks hooks{.runner = std::move(runner),
                         .made_with = [&](const Job& job) { return made_with.of(job); },
                         .done = [&](bool run_now, std::string_view what) { progress.step(run_now, what); },
                         .stop = [] { return stop_signal() != 0 || num_threads_left_behind() > 0; },
                         .method = method_of(line.options)};
  return sweep(std::move(plan), repeats, catalog, hooks, journal);
}

ExitCode stopped(const SweepResult& result, std::size_t rows, const Journal& journal) {
  const std::string by = stop_signal() != 0 ? stop_signal_name() : "a rank that hangs in this process";
  say(
      fmt::format("perfbench: stopped by {} after {} of {} rows; they are kept in {}\n  hint: run the same command "
                  "again to go on\n",
                  by, result.rows.size(), rows, journal.path().string()));
  return stop_signal() != 0 ? stop_exit_code() : ExitCode::timeout;
}

}  // namespace

ExitCode run_sweep(const CommandLine& line) {
  const Options& options = line.options;
  RunEnvironment environment(options);
  const Catalog catalog = Catalog::find();
  if (line.request.stack) catalog.stack(*line.request.stack, "--stack");
  const Where where = options.where ? parse_where(*options.where, "--where", where_names()) : Where{};
  SweepPlan plan = plan_sweep({line.words.begin(), line.words.end()}, where, line.request.stack, catalog);
  apply_measuring(line, plan);
  const SweepPlan findings{.problems = plan.problems, .broken_rows = plan.broken_rows, .warnings = plan.warnings};
  if (options.dryrun) {
    dry_run(line, plan, catalog);
    warn(findings.warnings);
    if (findings.problems.empty()) return ExitCode::ok;
    throw InputError(findings.problems);
  }

  if (runs_engine(options))
    environment.set(measures_on_cuda(line) && wants_measure(options) && any_on_several_gpus(plan));
  const fs::path folder = folder_of_sweeps(options);
  if (measures_on_cuda(line)) require_machine(engine_report(), 1);  // what no row could change
  MadeWith made_with(catalog, line, environment);  // reads what the command line names, before anything is written
  Runner runner = runner_of(line, catalog, environment);
  require_result_folder(folder);
  Journal journal(folder, PERFBENCH_VERSION);
  warn(journal.warnings());
  warn(findings.warnings);
  if (const std::string idle = idle_flags_note(line, "the rows"); !idle.empty()) warn({idle});
  catch_stop_signals();
  const std::size_t rows = plan.rows.size();
  const SweepResult result = run_rows(line, std::move(plan), catalog, std::move(runner), made_with, journal);
  warn(result.warnings);
  if (result.stopped) return stopped(result, rows, journal);
  FileSet files(folder);
  const TextTable table = write_rows(files, result, options.repeats.value_or(1), journal,
                                     options.markdown ? TableUse::markdown : TableUse::everywhere);
  RunRecord record = record_of(line, environment.variables(), catalog);
  record.run = result.run;
  add_run(files, record);
  files.commit();

  if (options.json)
    print(dump_json(summary_json(result, findings, folder)) + "\n");
  else if (options.markdown)
    print(to_markdown(table));
  else
    print(to_terminal(table) + summary_text(result, findings, folder));
  if (!findings.problems.empty()) throw InputError(findings.problems);
  const bool all_ok = count(result, Status::ok) == static_cast<std::int64_t>(result.rows.size());
  return options.strict && !all_ok ? ExitCode::regression : ExitCode::ok;
}

}  // namespace perfbench
