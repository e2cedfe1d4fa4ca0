#include "engine/watchdog.h"

#include <algorithm>
#include <exception>
#include <utility>

namespace perfbench {
namespace {

constexpr double kGraceS = 5.0;   // at most, for what was told to stop
constexpr double kPeriodS = 0.1;  // at most, between two looks

}  // namespace

bool Watchdog::run(std::function<void()> task, double limit_s) {
  const auto thrown = std::make_shared<std::exception_ptr>();
  thread_.start([task = std::move(task), thrown] {
    try {
      task();
    } catch (...) {
      *thrown = std::current_exception();
    }
  });
  if (!ends(limit_s + std::min(limit_s, kGraceS))) {
    hangs_ = true;
    thread_.leave_behind();
    return false;
  }
  if (*thrown) std::rethrow_exception(*thrown);
  return true;
}

// Counts its own looks, no clock: a process that was stopped as a whole has not stood still.
bool Watchdog::ends(double limit_s) {
  const auto look = [this] { return notes_ ? notes_->read() : std::vector<RankNote>{}; };
  const double period_s = std::min(kPeriodS, limit_s / 10.0);
  std::vector<RankNote> last = look();
  double still_s = 0.0;
  while (!thread_.wait_for(std::chrono::duration<double>(period_s))) {
    std::vector<RankNote> now = look();
    still_s = now == last ? still_s + period_s : 0.0;
    if (still_s >= limit_s) return false;
    last = std::move(now);
  }
  return true;
}

}  // namespace perfbench
