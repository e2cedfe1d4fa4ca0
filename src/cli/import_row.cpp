#include "cli/import_row.h"

#include <fmt/format.h>

#include <algorithm>
#include <span>

#include "cli/asked.h"
#include "harness/statistics.h"
#include "rows/published_run.h"

namespace perfbench {
namespace {

constexpr std::int64_t kWarmupSteps = StepWindow{}.first - 1;

// The flags, completed by what the log says.
CommandLine with_log(CommandLine line, const RunLog& log) {
  const std::string file = line.words.front();
  line.words.clear();  // it names no model
  std::vector<Problem> problems;
  const auto take = [&](std::optional<std::int64_t> Request::*field, const char* name,
                        const std::optional<std::int64_t>& said) {
    std::optional<std::int64_t>& asked = line.request.*field;
    if (!said) return;
    if (asked && *asked != *said)
      problems.push_back({flag_of(line.request, name), fmt::format("{} {} is not the log's {}", name, *asked, *said),
                          "leave the flag out"});
    if (!asked) line.request.origins[name] = file;
    asked = said;
  };
  take(&Request::gbs, "gbs", log.gbs);
  take(&Request::num_gpus, "num_gpus", log.num_gpus);
  take(&Request::seq_len, "seq_len", log.seq_len);
  if (!line.request.model) problems.push_back({"--model", "the log doesn't say which model was trained", ""});
  if (!line.request.system) problems.push_back({"--gpu", "the log doesn't say on which system", ""});
  if (!problems.empty()) throw InputError(std::move(problems));
  return line;
}

// Lines of the log that are warm-up.
std::int64_t num_warmup_lines(const RunLog& log, std::int64_t warmup) {
  return std::count_if(log.iterations.begin(), log.iterations.end(), [&](const LogIteration& entry) {
    return entry.iteration < log.iterations.front().iteration + warmup;
  });
}

// Seconds of a step by rank; torchtitan prints tokens/s of a GPU instead.
StepTimes step_times(const RunLog& log, const Job& job) {
  const double tokens = static_cast<double>(job.gbs) * static_cast<double>(job.seq_len);
  StepTimes times;
  for (const LogIteration& entry : log.iterations) {
    std::vector<double> by_rank = entry.step_time_s;
    if (by_rank.empty())
      by_rank.push_back(tokens / (entry.tokens_per_s_per_gpu.value() * static_cast<double>(job.num_gpus)));
    times.by_rank_s.resize(std::max(times.by_rank_s.size(), by_rank.size()));
    for (std::size_t rank = 0; rank < by_rank.size(); ++rank) times.by_rank_s[rank].push_back(by_rank[rank]);
  }
  return times;
}

// A time is worth nothing where the training had gone wrong.
void refuse_not_finite(StepStatistics& statistics, std::span<const LogIteration> window) {
  const auto bad = std::find_if(window.begin(), window.end(), [](const auto& entry) { return entry.not_finite; });
  if (bad == window.end() || statistics.refused()) return;
  statistics.feature = "nan";
  statistics.reason = fmt::format("loss or grad norm is no finite number at iteration {}", bad->iteration);
}

StepStatistics statistics_of(const RunLog& log, const Job& job, std::int64_t warmup) {
  const std::int64_t skipped = num_warmup_lines(log, warmup);
  if (skipped == std::ssize(log.iterations)) {
    StepStatistics none;
    none.feature = "steps";
    none.reason =
        fmt::format("the log tells iterations {} to {}, all within the {} of warm-up; --warmup_steps says less",
                    log.iterations.front().iteration, log.iterations.back().iteration, warmup);
    return none;
  }
  StepStatistics statistics = step_statistics(step_times(log, job), {.window = {.first = skipped + 1, .last = 0}});
  const std::span<const LogIteration> window = std::span(log.iterations).subspan(static_cast<std::size_t>(skipped));
  const std::int64_t last = window.back().iteration;
  if (!statistics.window.empty()) {
    statistics.window =
        fmt::format("steps {}-{} of {}", window.front().iteration, last, std::max(log.planned.value_or(0), last));
  }
  if (!statistics.warnings.empty() && last != std::ssize(log.iterations))
    statistics.warnings.emplace_back("warnings about single steps count the log's iterations from 1");
  refuse_not_finite(statistics, window);
  return statistics;
}

void add_notes(Row& row, const RunLog& log, const std::string& file) {
  row.notes.push_back(fmt::format("imported from {}, a log of {}{}", file, log.format,
                                  log.ranks.size() > 1 ? fmt::format(", {} ranks", log.ranks.size()) : ""));
  row.notes.insert(row.notes.end(), log.notes.begin(), log.notes.end());
  if (log.iterations.empty()) return;
  const LogIteration &first = log.iterations.front(), &last = log.iterations.back();
  if (log.planned && last.iteration < *log.planned)
    row.notes.push_back(fmt::format("the log ends at iteration {} of {}", last.iteration, *log.planned));
  if (first.loss && last.loss)
    row.notes.push_back(fmt::format("loss {:.4g} at iteration {}, {:.4g} at {}", *first.loss, first.iteration,
                                    *last.loss, last.iteration));
  std::vector<double> tflops;
  for (const LogIteration& entry : log.iterations)
    if (entry.tflops_per_gpu) tflops.push_back(*entry.tflops_per_gpu);
  if (!tflops.empty())
    row.notes.push_back(
        fmt::format("the log prints {:.1f} TFLOP/s/GPU (median), by its own convention", median(tflops)));
  for (const LogIteration& entry : log.iterations) {
    if (!entry.not_finite) continue;
    row.notes.push_back(fmt::format("loss or grad norm is no finite number at iteration {}", entry.iteration));
    break;
  }
}

}  // namespace

ImportedRun import_run(const CommandLine& asked_line, const RunLog& log, const Catalog& catalog) {
  const std::string file = asked_line.words.front();
  const Asked asked = resolve_asked(with_log(asked_line, log), catalog);
  const Job& job = asked.job;
  ImportedRun run{.row = row_of(job), .warnings = asked.warnings};
  run.row.method = Method::measured;
  run.row.row_choice = asked.choice.sentence;
  if (log.mean_step_time_s) {
    set_step_time(run.row, job, *log.mean_step_time_s);
    run.row.window = log.mean_window;
    run.row.notes.emplace_back("the step time is the mean that the log prints; it has no single steps");
  } else {
    set_statistics(run.row, job, statistics_of(log, job, asked_line.options.warmup_steps.value_or(kWarmupSteps)));
  }
  add_notes(run.row, log, file);
  const PublishedTables tables = read_published_tables(catalog, job.system.name);
  set_published(run.row, job, published_runs(job, tables, catalog));
  return run;
}

}  // namespace perfbench
