#include "import/import_log.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <utility>

#include "base/error.h"
#include "base/text.h"
#include "base/utf8.h"
#include "import/import_summary.h"
#include "import/log_line.h"

namespace perfbench {
namespace {

using Attempt = std::vector<LogRecord>;
constexpr std::int64_t kNoLabel = -1;
constexpr std::size_t kNamed = 8;  // iterations, at most, in one note

bool has_time(const LogRecord& record) { return record.step_time_s || record.tokens_per_s; }

std::vector<LogRecord> records_of(std::string_view text) {
  std::vector<LogRecord> records;
  int number = 0;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    ++number;
    for (const std::string& part : split(text.substr(begin, end - begin), '\r'))  // progress bars
      for (const LogRecord& record : log_records(part, number)) records.push_back(record);
    begin = end + 1;
  }
  return records;
}

// Megatron-Bridge's extra line belongs to the next iteration of its rank; a time in that line itself is the finer one.
std::vector<LogRecord> with_bridge_lines(const std::vector<LogRecord>& records) {
  std::map<std::int64_t, LogRecord> waiting;
  std::vector<LogRecord> joined;
  for (LogRecord record : records) {
    const std::int64_t rank = record.rank.value_or(kNoLabel);
    if (record.kind == LogKind::bridge) {
      waiting[rank] = record;
      continue;
    }
    if (const auto bridge = waiting.find(rank); bridge != waiting.end()) {
      if (record.kind == LogKind::megatron) record.kind = LogKind::bridge;
      if (!record.step_time_s) record.step_time_s = bridge->second.step_time_s;
      if (!record.tflops_per_gpu) record.tflops_per_gpu = bridge->second.tflops_per_gpu;
      waiting.erase(bridge);
    }
    joined.push_back(record);
  }
  return joined;
}

bool is_same(const Attempt& a, const Attempt& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const LogRecord& x, const LogRecord& y) {
    return x.iteration == y.iteration && x.step_time_s == y.step_time_s && x.tokens_per_s == y.tokens_per_s &&
           x.loss.has_value() == y.loss.has_value() && (x.loss == y.loss || std::isnan(x.loss.value_or(0.0)));
  });
}

// What another line says of an iteration that is there already: the slower time counts, as the step ends with it.
void merge_into(LogRecord& record, const LogRecord& other) {
  if (other.step_time_s) record.step_time_s = std::max(record.step_time_s.value_or(0.0), *other.step_time_s);
  if (other.tokens_per_s)
    record.tokens_per_s = std::min(record.tokens_per_s.value_or(*other.tokens_per_s), *other.tokens_per_s);
  for (const auto field : {&LogRecord::tflops_per_gpu, &LogRecord::loss, &LogRecord::grad_norm}) {
    const bool worse = (other.*field).has_value() && !std::isfinite(*(other.*field));
    if (!(record.*field) || worse) record.*field = other.*field;
  }
  record.nan_iteration = record.nan_iteration || other.nan_iteration;
}

// Splits the lines of one rank where the iteration goes back. Lines without labels may be of several ranks, which are
// at most one iteration apart.
std::vector<Attempt> attempts_of(const std::vector<LogRecord>& records, bool labelled) {
  std::vector<Attempt> attempts;
  for (const LogRecord& record : records) {
    const std::int64_t last = attempts.empty() ? 0 : attempts.back().back().iteration;
    if (attempts.empty() || record.iteration < last - (labelled ? 0 : 1)) {
      attempts.push_back({record});
      continue;
    }
    Attempt& attempt = attempts.back();
    const auto same = std::find_if(attempt.rbegin(), attempt.rend(),
                                   [&](const LogRecord& earlier) { return earlier.iteration <= record.iteration; });
    if (same != attempt.rend() && same->iteration == record.iteration) {
      merge_into(*same, record);
    } else {
      attempt.insert(same.base(), record);
    }
  }
  return attempts;
}

// "3, 4, 5 and 7 more": the first of `count` numbers.
std::string listed(const std::vector<std::int64_t>& numbers, std::size_t count) {
  std::vector<std::string> named;
  for (std::size_t i = 0; i < std::min(numbers.size(), kNamed); ++i) named.push_back(std::to_string(numbers[i]));
  std::string text = join(named, ", ");
  if (count > named.size()) text += " and " + std::to_string(count - named.size()) + " more";
  return text;
}

class LogReader {
 public:
  LogReader(std::string_view text, std::string file)
      : file_(std::move(file)), records_(with_bridge_lines(records_of(text))) {}

  RunLog read(bool replaced) {
    if (records_.empty())
      throw InputError(
          file_ + ":1", "no line of a training log was recognised",
          "lines of Megatron-LM, Megatron-Bridge, NeMo and torchtitan are known, and NeMo AutoModel's JSON");
    if (std::none_of(records_.begin(), records_.end(), has_time))
      throw InputError(file_ + ":" + std::to_string(records_.front().line),
                       "an iteration of " + std::string(name(records_.front().kind)) + " was recognised, and in " +
                           std::to_string(records_.size()) + " such lines no step time",
                       "switch on the timing of steps in the run's logger");
    log_.format = name(records_.back().kind);
    if (replaced) log_.notes.emplace_back("bytes that are no UTF-8 were replaced");
    take_last_attempts();
    join_ranks();
    note_gaps();
    return std::move(log_);
  }

 private:
  void take_last_attempts() {
    std::map<std::int64_t, std::vector<LogRecord>> by_rank;
    for (const LogRecord& record : records_) by_rank[record.rank.value_or(kNoLabel)].push_back(record);
    // Lines without a label beside labelled ones are the launcher's copy.
    if (by_rank.size() > 1) by_rank.erase(kNoLabel);
    std::size_t attempts = 0, copies = 0;
    for (auto& [rank, records] : by_rank) {
      std::vector<Attempt> all = attempts_of(records, rank != kNoLabel);
      const std::size_t before = all.size();
      all.erase(std::unique(all.begin(), all.end(), is_same), all.end());
      attempts = std::max(attempts, all.size());
      copies = std::max(copies, before - all.size());
      last_.emplace(rank, std::move(all.back()));
    }
    if (copies > 0)
      log_.notes.push_back("the same attempt stands " + std::to_string(copies + 1) +
                           " times in the log; it counts once");
    drop_ranks_of_earlier_attempts();
    if (attempts > 1)
      log_.notes.push_back("the last of " + std::to_string(attempts) + " attempts, from line " +
                           std::to_string(last_.begin()->second.front().line) + " on");
  }

  // A rank that was silent in the last attempt: its lines end before those of the latest rank begin.
  void drop_ranks_of_earlier_attempts() {
    int begin = 0;
    for (const auto& [rank, attempt] : last_) begin = std::max(begin, attempt.front().line);
    for (auto entry = last_.begin(); entry != last_.end();) {
      if (entry->second.back().line >= begin) {
        ++entry;
        continue;
      }
      log_.notes.push_back("rank " + std::to_string(entry->first) + " has no line in the last attempt");
      entry = last_.erase(entry);
    }
  }

  void join_ranks() {
    std::set<std::int64_t> wanted, complete;
    for (const auto& [rank, attempt] : last_)
      for (const LogRecord& record : attempt) wanted.insert(record.iteration);
    complete = wanted;
    for (const auto& [rank, attempt] : last_) {
      log_.ranks.push_back(rank == kNoLabel ? "" : std::to_string(rank));
      std::set<std::int64_t> timed;
      for (const LogRecord& record : attempt)
        if (has_time(record)) timed.insert(record.iteration);
      std::erase_if(complete, [&](std::int64_t iteration) { return !timed.contains(iteration); });
    }
    std::vector<std::int64_t> partial;
    std::set_difference(wanted.begin(), wanted.end(), complete.begin(), complete.end(), std::back_inserter(partial));
    if (!partial.empty())
      log_.notes.push_back("left out, without a step time of every rank: iterations " +
                           listed(partial, partial.size()));
    if (complete.empty())
      throw InputError(file_ + ":" + std::to_string(records_.front().line),
                       "the " + std::to_string(last_.size()) + " ranks share no iteration with a step time", "");
    std::map<std::int64_t, LogIteration> joined;
    for (const auto& [rank, attempt] : last_)
      for (const LogRecord& record : attempt)
        if (complete.contains(record.iteration)) add(joined[record.iteration], record);
    for (auto& [iteration, values] : joined) log_.iterations.push_back(std::move(values));
  }

  void add(LogIteration& iteration, const LogRecord& record) {
    iteration.iteration = record.iteration;
    if (record.step_time_s) iteration.step_time_s.push_back(*record.step_time_s);
    if (record.tokens_per_s)
      iteration.tokens_per_s_per_gpu =
          std::min(iteration.tokens_per_s_per_gpu.value_or(*record.tokens_per_s), *record.tokens_per_s);
    if (!iteration.tflops_per_gpu) iteration.tflops_per_gpu = record.tflops_per_gpu;
    if (!iteration.loss) iteration.loss = record.loss;
    if (!iteration.grad_norm) iteration.grad_norm = record.grad_norm;
    iteration.not_finite = iteration.not_finite || record.nan_iteration || !std::isfinite(record.loss.value_or(0.0)) ||
                           !std::isfinite(record.grad_norm.value_or(0.0));
    if (record.planned) log_.planned = record.planned;
    if (record.gbs) log_.gbs = record.gbs;
  }

  // A log may tell every 10th iteration only; single ones that are missing were lost.
  void note_gaps() {
    const auto& all = log_.iterations;
    if (all.size() < 2) return;
    log_.interval = all[1].iteration - all[0].iteration;
    for (std::size_t i = 1; i < all.size(); ++i)
      log_.interval = std::min(log_.interval, all[i].iteration - all[i - 1].iteration);
    std::vector<std::int64_t> missing;  // the first of them: a gap may be wide
    std::int64_t count = 0;
    for (std::size_t i = 1; i < all.size(); ++i) {
      count += (all[i].iteration - all[i - 1].iteration - 1) / log_.interval;
      for (std::int64_t n = all[i - 1].iteration + log_.interval; n < all[i].iteration && missing.size() < kNamed;
           n += log_.interval)
        missing.push_back(n);
    }
    if (log_.interval > 1)
      log_.notes.push_back("the log tells every " + std::to_string(log_.interval) + " iterations their mean");
    if (!missing.empty())
      log_.notes.push_back("iterations that are missing: " + listed(missing, static_cast<std::size_t>(count)));
  }

  std::string file_;
  std::vector<LogRecord> records_;
  std::map<std::int64_t, Attempt> last_;  // by rank
  RunLog log_;
};

}  // namespace

std::size_t count_log_lines(std::string_view text) {
  if (is_automodel_summary(text)) return 1;
  return records_of(text).size();
}

RunLog import_log(std::string_view text, const std::string& file) {
  if (is_automodel_summary(text)) return automodel_summary(text, file);
  if (!first_bad_utf8(text)) return LogReader(text, file).read(false);
  return LogReader(with_bad_utf8_replaced(text), file).read(true);
}

}  // namespace perfbench
