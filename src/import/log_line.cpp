#include "import/log_line.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>

#include "base/text.h"

namespace perfbench {
namespace {

constexpr std::int64_t kMostCount = 1'000'000'000;  // iterations or samples: beyond it a line is broken

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Without the control sequences of a terminal (ECMA-48: ESC [ ... final byte).
std::string without_colours(std::string_view line) {
  std::string plain;
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (line[i] == '\x1b' && i + 1 < line.size() && line[i + 1] == '[') {
      i += 2;
      while (i < line.size() && (line[i] < '@' || line[i] > '~')) ++i;
    } else if (line[i] != '\x1b') {
      plain += line[i];
    }
  }
  return plain;
}

// The number at the start of `text`, maybe with its unit right behind it ("18.47s"); thousands separators, "nan" and
// "inf" are fine.
std::optional<double> leading_number(std::string_view text) {
  std::string digits;
  for (const char c : trim(text.substr(0, 64))) {
    const bool number = std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '.' || c == '-' || c == '+';
    if (!number && c != ',') break;
    if (number && !(digits.empty() && c == '+')) digits += c;
  }
  double value = 0.0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  return error == std::errc() ? std::optional(value) : std::nullopt;
}

// The number behind `key`; the last where it stands more than once.
std::optional<double> number_behind(std::string_view text, std::string_view key) {
  const std::size_t at = text.rfind(key);
  return at == std::string_view::npos ? std::nullopt : leading_number(text.substr(at + key.size()));
}

std::optional<std::int64_t> count_behind(std::string_view text, std::string_view key) {
  const auto number = number_behind(text, key);
  return number && *number >= 0.0 && *number <= kMostCount ? std::optional(static_cast<std::int64_t>(*number))
                                                           : std::nullopt;
}

// A time that can be one: positive and finite.
std::optional<double> time_behind(std::string_view text, std::string_view key, double seconds) {
  const auto number = number_behind(text, key);
  return number && std::isfinite(*number) && *number > 0.0 ? std::optional(*number * seconds) : std::nullopt;
}

// "[rank3]:" and "[default3]:" of torchrun, "3:" at the start of the line of srun.
std::optional<std::int64_t> rank_in(std::string_view text) {
  for (const std::string_view mark : {"[rank", "[default"}) {
    const std::size_t at = text.rfind(mark);
    if (at == std::string_view::npos || at + mark.size() >= text.size() || !is_digit(text[at + mark.size()])) continue;
    const std::size_t end = text.find(']', at);
    if (end == std::string_view::npos) continue;
    return parse_int(text.substr(at + mark.size(), end - at - mark.size()));
  }
  text = trim(text);
  const std::size_t digits =
      static_cast<std::size_t>(std::find_if_not(text.begin(), text.end(), is_digit) - text.begin());
  const bool label = digits > 0 && digits < 8 && digits < text.size() && text[digits] == ':' &&
                     (digits + 1 == text.size() || text[digits + 1] == ' ');
  return label ? parse_int(text.substr(0, digits)) : std::nullopt;
}

// "iteration   5/  50" at `at`: the two numbers.
struct Progress {
  std::size_t at = 0;
  std::int64_t iteration = 0, planned = 0;
};

std::optional<Progress> progress_from(std::string_view text, std::size_t from) {
  constexpr std::string_view kWord = "iteration";
  for (std::size_t at = text.find(kWord, from); at != std::string_view::npos; at = text.find(kWord, at + 1)) {
    const std::string_view rest = trim(text.substr(at + kWord.size()));
    const std::size_t slash = rest.find('/');
    if (slash > 20) continue;  // also where there is none
    const auto iteration = parse_int(rest.substr(0, slash));
    const auto planned = leading_number(rest.substr(slash + 1));
    const bool possible = iteration && planned && *iteration <= kMostCount && *planned >= 0.0 && *planned <= kMostCount;
    if (possible && !rest.starts_with('-')) return Progress{at, *iteration, static_cast<std::int64_t>(*planned)};
  }
  return std::nullopt;
}

void read_megatron(std::string_view text, LogRecord& record) {
  record.step_time_s = time_behind(text, "elapsed time per iteration (ms):", 1e-3);
  record.tflops_per_gpu = number_behind(text, "(TFLOP/s/GPU):");
  record.loss = number_behind(text, "lm loss:");
  record.grad_norm = number_behind(text, "grad norm:");
  record.gbs = count_behind(text, "global batch size:");
  record.nan_iteration = count_behind(text, "number of nan iterations:").value_or(0) > 0;
}

// NeMo counts steps from 0; "iteration 10/99" is the eleventh of 100.
void read_nemo(std::string_view text, LogRecord& record) {
  record.kind = LogKind::nemo;
  record.iteration = count_behind(text, "global_step:").value_or(record.iteration) + 1;
  record.planned = record.planned.value_or(0) + 1;
  record.step_time_s = time_behind(text, "train_step_timing in s:", 1.0);
  record.tflops_per_gpu = number_behind(text, "TFLOPS_per_GPU:");
  record.loss = number_behind(text, "reduced_train_loss:");
  record.grad_norm = number_behind(text, "grad_norm:");
  record.gbs = count_behind(text, "global_batch_size:");
}

std::optional<LogRecord> bridge_record(std::string_view text) {
  constexpr std::string_view kTime = "Step Time :", kUse = "GPU utilization:";
  if (text.find(kTime) == std::string_view::npos) return std::nullopt;
  LogRecord record{.kind = LogKind::bridge};
  const std::size_t use = text.find(kUse);
  record.step_time_s = time_behind(text, kTime, 1.0);
  if (use != std::string_view::npos) record.tflops_per_gpu = leading_number(text.substr(use + kUse.size()));
  return record.step_time_s ? std::optional(record) : std::nullopt;
}

std::optional<LogRecord> torchtitan_record(std::string_view text) {
  const std::size_t at = text.find("step:");
  const bool word =
      at != std::string_view::npos && (at == 0 || std::isalnum(static_cast<unsigned char>(text[at - 1])) == 0);
  if (!word || text.find("tps:") == std::string_view::npos) return std::nullopt;
  const std::string_view rest = text.substr(at);
  LogRecord record{.kind = LogKind::torchtitan};
  record.iteration = count_behind(rest.substr(0, rest.find("tps:")), "step:").value_or(0);
  record.tokens_per_s = time_behind(rest, "tps:", 1.0);
  record.tflops_per_gpu = number_behind(rest, "tflops:");
  record.loss = number_behind(rest, "loss:");
  record.grad_norm = number_behind(rest, "grad_norm:");
  return record.iteration > 0 ? std::optional(record) : std::nullopt;
}

}  // namespace

std::vector<LogRecord> log_records(std::string_view line, int number) {
  // What no record can be without; most lines of a log are none.
  const bool possible = line.find("iteration") != std::string_view::npos ||
                        line.find("Step Time") != std::string_view::npos || line.find("tps:") != std::string_view::npos;
  if (!possible) return {};
  const std::string plain = without_colours(line);
  const std::string_view text = plain;
  std::vector<LogRecord> records;
  if (const auto bridge = bridge_record(text)) records.push_back(*bridge);
  if (const auto titan = torchtitan_record(text)) records.push_back(*titan);
  for (LogRecord& record : records) record.rank = rank_in(text.substr(0, 40));

  std::size_t begin = 0;
  for (std::optional<Progress> found = progress_from(text, 0); found;) {
    const std::optional<Progress> next = progress_from(text, found->at + 1);
    const std::string_view before = text.substr(begin, found->at - begin);
    const std::string_view body = text.substr(found->at, next ? next->at - found->at : std::string_view::npos);
    LogRecord record{.rank = rank_in(before), .iteration = found->iteration, .planned = found->planned};
    if (before.find("Training epoch") != std::string_view::npos) {
      read_nemo(body, record);
    } else {
      read_megatron(body, record);
    }
    if (body.find('|') != std::string_view::npos) records.push_back(record);
    begin = found->at;
    found = next;
  }
  for (LogRecord& record : records) record.line = number;
  return records;
}

}  // namespace perfbench
