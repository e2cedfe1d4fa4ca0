// How far a sweep is: a bar on a terminal, plain lines elsewhere.
#pragma once

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>

namespace perfbench {

struct ProgressState {
  std::int64_t done = 0, total = 0;  // runs
  std::int64_t run_now = 0;          // of those done, the ones that took time
  double elapsed_s = 0.0;
};

// "[#####-----] 12/24  3.1/s  4 s left". Rate and time left are of the runs of this process; left out before the first.
std::string progress_bar(const ProgressState& state, int columns);
// "12 of 24 rows, 3.1/s, 4 s left: llama3_70b ..."
std::string progress_line(const ProgressState& state, std::string_view what);
std::string show_duration(double seconds);  // "4 s", "2 min 5 s", "3 h 20 min"

class Progress {
 public:
  using Clock = std::chrono::steady_clock;
  // Writes to `stream`; a bar that is drawn over itself when `terminal`. At most one line a second elsewhere.
  Progress(std::FILE* stream, bool terminal, std::int64_t total);
  ~Progress();  // takes the bar away
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // One run is done: now, or by an earlier sweep. `what` names it.
  void step(bool run_now, std::string_view what);

 private:
  std::FILE* stream_;
  bool terminal_;
  ProgressState state_;
  Clock::time_point start_;
  std::optional<Clock::time_point> last_shown_;
  bool drawn_ = false;
};

}  // namespace perfbench
