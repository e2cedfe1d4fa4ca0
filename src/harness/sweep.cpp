#include "harness/sweep.h"

#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <limits>
#include <new>
#include <optional>
#include <utility>

#include "base/error.h"
#include "base/redact.h"
#include "harness/job_key.h"
#include "harness/run_id.h"
#include "rows/job_or_row.h"
#include "rows/metrics.h"
#include "rows/row_writer.h"
#include "rows/table_of.h"
#include "rows/value.h"
#include "rows/writers.h"

namespace perfbench {
namespace {

std::string text_of(const Error& error) {
  std::vector<std::string> problems;
  for (const Problem& problem : error.problems())
    problems.push_back(fmt::format("{}: {}", problem.where, problem.what));
  return fmt::format("{}", fmt::join(problems, "; "));
}

std::string reason_of(const std::exception& error) {
  if (const auto* known = dynamic_cast<const Error*>(&error)) return text_of(*known);
  if (dynamic_cast<const std::bad_alloc*>(&error) != nullptr) return "the memory of this machine ran out";
  return fmt::format("internal error: {}", error.what());
}

// What goes wrong with one row is that row's result; what the machine lacks, all rows lack.
template <class Work>
std::optional<std::string> failure_of(Work&& work) {
  try {
    work();
    return std::nullopt;
  } catch (const EnvironmentError&) {
    throw;
  } catch (const std::exception& error) {
    return reason_of(error);
  }
}

SweptRow finished_row(const Row& row, const std::string& place) {
  return {.json = dump_json(to_json(row), -1),
          .place = place,
          .status = row.status,
          .feature = row.feature,
          .reason = row.reason};
}

// From 1: the repeat with the median of the step times, the lower of two. Without times, the only one.
std::int64_t median_repeat(const std::vector<double>& step_times_s) {
  if (step_times_s.empty()) return 1;
  std::vector<std::pair<double, std::int64_t>> times;
  times.reserve(step_times_s.size());
  for (const double seconds : step_times_s) times.emplace_back(seconds, std::ssize(times) + 1);
  std::sort(times.begin(), times.end());
  return times[(times.size() - 1) / 2].second;
}

// What a row of the journal becomes in the files of a sweep.
Row written_row(Row row, const std::map<std::string, std::string>& origins, const std::string& place,
                const std::vector<double>& repeats_s, std::int64_t repeats) {
  row.origins = origins;
  row.row_choice = place;
  row.repeats_s = repeats_s;
  if (repeats > 1 && row.step_time_s) row.notes.push_back(fmt::format("the median of {} repeats", repeats));
  return row;
}

// What a finished row says that its job does not, "gbs is 8, and the job's is 16"; "" where both ask the same.
std::string difference(const Journal& journal, const std::string& key, std::int64_t repeat, const Job& job) {
  try {
    const Row row = journal.read(key, repeat), asked = row_of(job);
    for (const Metric& metric : metrics()) {
      if (metric.group != MetricGroup::asked) continue;
      const std::string is = dump_json(metric.get(row), -1), should = redacted(dump_json(metric.get(asked), -1));
      if (is != should) return fmt::format("{} is {}, and the job's is {}", metric.name, is, should);
    }
    return "";
  } catch (const InputError& error) {  // columns of another version
    return error.problems().front().what;
  }
}

class Sweep {
 public:
  Sweep(std::int64_t repeats, const Catalog& catalog, const SweepHooks& hooks, Journal& journal)
      : repeats_(repeats), catalog_(catalog), hooks_(hooks), journal_(journal) {}

  SweepResult run(SweepPlan plan) {
    for (std::size_t i = 0; i < plan.rows.size() && !result_.stopped; ++i) {
      run_row(plan.rows[i].request, plan.places[i]);
      plan.rows[i] = {};  // a row less to hold
    }
    journal_.sync();
    journal_.require_in_place();
    result_.run = run_.text();
    return std::move(result_);
  }

 private:
  void run_row(const Request& request, const std::string& place) {
    if (stopped()) return;
    JobOrRow asked;
    if (const auto reason = failure_of([&] { asked = job_or_row(request, catalog_); })) {
      asked.row = unsupported_row(request, Unsupported("run", *reason));
      set_failed(asked.row, "run", *reason);
    }
    if (asked.job)
      run_job(*asked.job, place);
    else
      add_finished(std::move(asked.row), place);
  }

  bool stopped() { return result_.stopped = result_.stopped || hooks_.stop(); }

  // Not in the journal: no job, of which the table says all, or one whose key cannot be worked out now.
  void add_finished(Row row, const std::string& place) {
    row.row_choice = place;
    ++result_.counts[row.status];
    run_.add(row);
    result_.rows.push_back(finished_row(row, place));
    for (std::int64_t repeat = 1; repeat <= repeats_; ++repeat) hooks_.done(false, place);
  }

  void run_job(const Job& job, const std::string& place) {
    std::string key;
    if (const auto reason = failure_of([&] { key = job_key(job, hooks_.made_with(job)); })) {
      return add_finished(broken_off(job, *reason), place);
    }
    const std::string what = fmt::format("{} {} {} on {} x {}, {}", job.model.name, name(job.task), name(job.precision),
                                         job.num_gpus, job.system.name, place);
    for (std::int64_t repeat = 1; repeat <= repeats_; ++repeat) {
      const bool done = has_row(key, repeat, job);
      if (!done) {
        if (stopped()) return;
        const Row row = run_now(job);
        if (row.status == Status::interrupted) {  // to be run again
          result_.stopped = true;
          return;
        }
        journal_.append(key, repeat, row);
      }
      ++(done ? result_.done_before : result_.run_now);
      hooks_.done(!done, what);
    }
    std::vector<double> repeats_s;
    if (repeats_ > 1) repeats_s = step_times(key);
    const std::int64_t repeat = median_repeat(repeats_s);
    std::erase(repeats_s, std::numeric_limits<double>::infinity());
    const Row row = written_row(journal_.read(key, repeat), job.origins, place, repeats_s, repeats_);
    ++result_.counts[row.status];
    run_.add(row);
    result_.rows.push_back({.key = key,
                            .json = dump_json(value_of(job.origins), -1),
                            .place = place,
                            .repeat = repeat,
                            .repeats_s = std::move(repeats_s),
                            .status = row.status,
                            .feature = row.feature,
                            .reason = row.reason});
  }

  bool has_row(const std::string& key, std::int64_t repeat, const Job& job) {
    if (!journal_.has(key, repeat)) return false;
    const std::string why = difference(journal_, key, repeat, job);
    if (!why.empty()) result_.warnings.push_back(journal_.reject(key, repeat, why));
    return why.empty();
  }

  Row run_now(const Job& job) const {
    Row row;
    if (const auto reason = failure_of([&] { row = hooks_.runner(job); })) row = broken_off(job, *reason);
    return row;
  }

  Row broken_off(const Job& job, const std::string& reason) const {
    Row row = row_of(job);
    set_failed(row, "run", reason);
    row.method = hooks_.method;
    return row;
  }

  // The step times of all repeats, in order; infinite where one has none.
  std::vector<double> step_times(const std::string& key) const {
    std::vector<double> times;
    for (std::int64_t repeat = 1; repeat <= repeats_; ++repeat)
      times.push_back(journal_.read(key, repeat).step_time_s.value_or(std::numeric_limits<double>::infinity()));
    return times;
  }

  std::int64_t repeats_;
  const Catalog& catalog_;
  const SweepHooks& hooks_;
  Journal& journal_;
  SweepResult result_;
  RunId run_;
};

}  // namespace

SweepResult sweep(SweepPlan plan, std::int64_t repeats, const Catalog& catalog, const SweepHooks& hooks,
                  Journal& journal) {
  return Sweep(repeats, catalog, hooks, journal).run(std::move(plan));
}

Row read_row(const SweptRow& swept, std::int64_t repeats, const Journal& journal) {
  if (swept.key.empty()) return row_from_json(parse_json(swept.json, swept.place), swept.place);
  std::map<std::string, std::string> origins;
  check(assign(origins, parse_json(swept.json, swept.place)).empty(), "read_row: origins are no object of texts");
  return written_row(journal.read(swept.key, swept.repeat), origins, swept.place, swept.repeats_s, repeats);
}

TextTable write_rows(FileSet& files, const SweepResult& result, std::int64_t repeats, const Journal& journal,
                     TableUse use) {
  RowWriter writer(files, {RowFile::csv, RowFile::json, RowFile::markdown});
  TextTable table = table_of({}, use);
  for (const SweptRow& swept : result.rows) {
    Row row = read_row(swept, repeats, journal);
    row.run = result.run;
    writer.add(row);
    table.rows.push_back(table_of({&row, 1}, use).rows.front());
  }
  writer.finish();
  return table;
}

}  // namespace perfbench
