// perfbench sweep: every row of configuration tables, run, kept in a journal, and written.
#include "harness/sweep.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <utility>

#include "base/first_problem.h"
#include "base/json.h"
#include "base/table.h"
#include "cli/asked.h"
#include "cli/commands.h"
#include "cli/idle_flags.h"
#include "cli/measure_flags.h"
#include "cli/output.h"
#include "engine/worker.h"
#include "harness/progress.h"
#include "harness/record.h"
#include "job/resolve.h"
#include "rows/result_folder.h"
#include "rows/writers.h"
#include "runners/calibration.h"
#include "runners/machine_check.h"
#include "runners/made_with.h"
#include "runners/plan_row.h"
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

Making making_of(const CommandLine& line) {
  return {.mode = mode_of(line),
          .mode_word = word_of(mode_of(line)),
          .stage_word = word_of(line.options.stage.value_or(SliceStage::all)),
          .settings = runner_settings(line),
          .calibration = line.options.calibration};
}

// A row of a run that was given variables says so.
Runner with_note(Runner runner, const RunEnvironment& environment) {
  if (!environment.given()) return runner;
  return [run = std::move(runner), note = environment.note(true)](const Job& job) {
    Row row = run(job);
    row.notes.push_back(note);
    return row;
  };
}

bool any_on_several_gpus(const SweepPlan& plan) {
  return std::ranges::any_of(plan.rows, [](const ConfigRow& row) { return row.request.num_gpus != 1; });
}

// The rows of a measurement are of the stack and, on the CPU, the system that it asks for.
void apply_measuring(const CommandLine& line, SweepPlan& plan, const Catalog& catalog) {
  for (ConfigRow& row : plan.rows) {
    Request flags;
    apply_measuring(line, flags);
    // plan_sweep() has set a stack that the line names.
    if (flags.stack && !line.request.stack) set_stack(row.request, *flags.stack, origin_of(flags, "stack"), catalog);
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
  if (asked.job && runs_engine(mode_of(line))) return row_of(*asked.job);
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
                         .method = method_of(mode_of(line))};
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
  RunEnvironment environment(options.env_vars);
  const Catalog catalog = Catalog::find();
  if (line.request.stack) catalog.stack(*line.request.stack, "--stack");
  const Where where = options.where ? parse_where(*options.where, "--where", where_names()) : Where{};
  SweepPlan plan = plan_sweep({line.words.begin(), line.words.end()}, where, line.request.stack, catalog);
  apply_measuring(line, plan, catalog);
  const SweepPlan findings{.problems = plan.problems, .broken_rows = plan.broken_rows, .warnings = plan.warnings};
  if (options.dryrun) {
    dry_run(line, plan, catalog);
    warn(findings.warnings);
    if (findings.problems.empty()) return ExitCode::ok;
    throw InputError(findings.problems);
  }

  if (runs_engine(mode_of(line)))
    environment.set(measures_on_cuda(line) && mode_of(line) == Mode::measure && any_on_several_gpus(plan));
  const fs::path folder = folder_of_sweeps(options);
  if (measures_on_cuda(line)) require_machine(engine_report(), 1);  // what no row could change
  const Making making = making_of(line);  // reads what the command line names, before anything is written
  MadeWith made_with(catalog, making, environment);
  Runner runner = make_runner(making.mode, making.settings, catalog);
  if (runs_engine(making.mode)) runner = with_note(std::move(runner), environment);
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
  RunRecord record = new_record(line.given, environment.variables(), catalog);
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
