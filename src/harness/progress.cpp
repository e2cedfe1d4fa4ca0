#include "harness/progress.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/redact.h"

namespace perfbench {
namespace {

constexpr int kBarColumns = 80;

// ", 3.1/s, 4 s left" with `separator` before each part.
std::string rate_text(const ProgressState& state, std::string_view separator) {
  if (state.run_now == 0 || state.elapsed_s <= 0.0) return "";
  const double rate = static_cast<double>(state.run_now) / state.elapsed_s;
  std::string text = fmt::format("{}{:.{}f}/s", separator, rate, rate < 10.0 ? 1 : 0);
  if (state.done < state.total)
    text += fmt::format("{}{} left", separator, show_duration(static_cast<double>(state.total - state.done) / rate));
  return text;
}

}  // namespace

std::string show_duration(double seconds) {
  const auto whole = static_cast<std::int64_t>(std::ceil(seconds));
  if (whole < 60) return fmt::format("{} s", whole);
  if (whole < 3600) return fmt::format("{} min {} s", whole / 60, whole % 60);
  return fmt::format("{} h {} min", whole / 3600, whole % 3600 / 60);
}

std::string progress_bar(const ProgressState& state, int columns) {
  const std::string tail = fmt::format(" {}/{}{}", state.done, state.total, rate_text(state, "  "));
  const std::int64_t width = std::max<std::int64_t>(columns - static_cast<std::int64_t>(tail.size()) - 2, 10);
  const std::int64_t full = state.total > 0 ? width * state.done / state.total : width;
  return fmt::format("[{}{}]{}", std::string(static_cast<std::size_t>(full), '#'),
                     std::string(static_cast<std::size_t>(width - full), '-'), tail);
}

std::string progress_line(const ProgressState& state, std::string_view what) {
  return fmt::format("{} of {}{}: {}", state.done, state.total, rate_text(state, ", "), what);
}

Progress::Progress(std::FILE* stream, bool terminal, std::int64_t total)
    : stream_(stream), terminal_(terminal), state_{.total = total}, start_(Clock::now()) {}

Progress::~Progress() {
  if (drawn_) std::fputs("\r\033[K", stream_);
}

void Progress::step(bool run_now, std::string_view what) {
  const Clock::time_point now = Clock::now();
  ++state_.done;
  state_.run_now += run_now ? 1 : 0;
  state_.elapsed_s = std::chrono::duration<double>(now - start_).count();
  const auto pause = terminal_ ? std::chrono::milliseconds(100) : std::chrono::milliseconds(1000);
  if (now - last_shown_.value_or(start_) < pause) return;
  last_shown_ = now;
  if (terminal_) {
    std::fputs(fmt::format("\r{}\033[K", progress_bar(state_, kBarColumns - 1)).c_str(), stream_);
    std::fflush(stream_);
    drawn_ = true;
  } else {
    std::fputs(fmt::format("{}\n", redacted(progress_line(state_, what))).c_str(), stream_);
  }
}

}  // namespace perfbench
