#include "sim/repeat.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <deque>
#include <optional>
#include <vector>

#include "sim/growth.h"

namespace perfbench {
namespace {

constexpr std::size_t kPaces = 256;   // stretches to look back on: periods of up to half as many are found
constexpr std::int64_t kSample = 64;  // stretches in each of the two samples of an extrapolation

class Repeater {
 public:
  Repeater(PipelineState& state, const Repetition& repetition)
      : state_(state),
        repetition_(repetition),
        left_(repetition.count),
        lanes_(mark_lanes(state)),
        skipped_(mark(state).sums.size(), 0.0) {}

  void run() {
    while (left_ > 0) {
      play_one();
      const std::int64_t period = period_of_paces();
      if (period > 0 && left_ >= 4 * period) {
        skip(period);
      } else if (played_ >= repetition_.most_played && left_ > 4 * kSample) {
        extrapolate();
      }
    }
    state_.origin_s += origin_s_;
    std::size_t i = 0;
    state_.for_each_sum([&](double& sum) { sum += skipped_[i++]; });
  }

 private:
  void play(std::int64_t stretches) {
    for (std::int64_t i = 0; i < stretches; ++i) repetition_.play();
    played_ += stretches;
  }

  // The marks before, between and behind two plays of as many stretches.
  std::array<Mark, 3> play_twice(std::int64_t stretches) {
    std::array<Mark, 3> marks{mark(state_)};
    for (std::size_t i = 1; i < marks.size(); ++i) {
      play(stretches);
      marks[i] = mark(state_);
    }
    left_ -= 2 * stretches;
    return marks;
  }

  // Keeps the clocks near their origin.
  void play_one() {
    play(1);
    --left_;
    const Mark now = mark_lanes(state_);
    paces_.push_back(growth(lanes_, now));
    if (paces_.size() > kPaces) paces_.pop_front();
    double latest_s = kNoWait;
    for (const StageClock& clock : state_.clocks) latest_s = std::max(latest_s, clock.free(Lane::compute));
    state_.for_each_time([&](double& time_s) { time_s -= latest_s; });
    origin_s_ += latest_s;
    lanes_ = mark_lanes(state_);
  }

  // The least number of stretches whose lanes have grown as over as many before; 0 where there is none.
  std::int64_t period_of_paces() const {
    const std::size_t size = paces_.size();
    for (std::size_t period = 1; 2 * period <= size; ++period) {
      std::size_t i = 1;
      while (i <= period && alike(paces_[size - i - period], paces_[size - i], lanes_)) ++i;
      if (i > period) return static_cast<std::int64_t>(period);
    }
    return 0;
  }

  struct Period {
    std::int64_t stretches = 0;
    Growth before, pace;           // of the last but one, and of the last
    std::vector<double> drifts_s;  // of each time against the slowest stage
  };

  void skip(std::int64_t stretches) {
    const auto [first, second, third] = play_twice(stretches);
    Period period{
        .stretches = stretches, .before = growth(first, second), .pace = growth(second, third), .drifts_s = {}};
    if (alike(period.before, period.pace, third)) {
      period.drifts_s = drifts_s(period.pace, third);
      leap(period);
    }
    paces_.clear();
    lanes_ = mark_lanes(state_);
  }

  // As far as everything grows on as in the last two periods.
  void leap(const Period& period) {
    const PipelineState here = state_;
    std::vector<double> sums = period.pace.sums;  // that a period grows by, as it does on both sides of the jump
    std::int64_t holds = 0, fails = left_ / period.stretches;  // one period is left to hold the jump against
    for (std::int64_t periods = fails - 1; periods > holds; periods = holds + (fails - holds) / 2) {
      const std::optional<Growth> behind = behind_jump(period, periods);
      state_ = here;
      (behind ? holds : fails) = periods;
      if (!behind) continue;
      for (std::size_t i = 0; i < sums.size(); ++i) sums[i] = (period.pace.sums[i] + behind->sums[i]) / 2.0;
    }
    jump(period, holds);
    count_skipped(holds * period.stretches, static_cast<double>(holds), sums, period.pace.slowest_s);
  }

  // Growth over the period after a jump, where it shows that the jump was right. A time is the greatest of sums of
  // other times and durations, hence convex in them: what grows alike on both sides of the jump does so between them.
  // Of a wait that lasts, two parts of the breakdown may take shares that grow and shrink along a line.
  std::optional<Growth> behind_jump(const Period& period, std::int64_t periods) {
    jump(period, periods);
    const Mark landed = mark(state_);
    play(period.stretches);
    const Mark now = mark(state_);
    Growth behind = growth(landed, now);
    if (!alike(behind, period.pace, now)) return std::nullopt;
    if (!on_a_line(period.before, period.pace, static_cast<double>(periods), behind, now)) return std::nullopt;
    return behind;
  }

  // The slowest stage stands still, and everything else moves against it.
  void jump(const Period& period, std::int64_t periods) {
    std::size_t i = 0;
    state_.for_each_time([&](double& time_s) { time_s += static_cast<double>(periods) * period.drifts_s[i++]; });
    for (std::int64_t& next : state_.next) next += periods * period.stretches * repetition_.slots;
  }

  void count_skipped(std::int64_t stretches, double times, const std::vector<double>& sums, double slowest_s) {
    left_ -= stretches;
    origin_s_ += times * slowest_s;
    for (std::size_t i = 0; i < skipped_.size(); ++i) skipped_[i] += times * sums[i];
  }

  // No period: what is left goes on as two samples did, and is off by no more than they differ, as far as they show it.
  void extrapolate() {
    const auto [first, second, third] = play_twice(kSample);
    const Growth before = growth(first, second), after = growth(second, third);
    Growth pace = growth(first, third);
    double spread_s = std::max(before.slowest_s, after.slowest_s) - std::min(before.fastest_s, after.fastest_s);
    for (std::size_t i = 0; i < pace.sums.size(); ++i) {
      spread_s = std::max(spread_s, std::abs(after.sums[i] - before.sums[i]));
    }
    const auto left = static_cast<double>(left_);
    state_.error_s += left * spread_s / kSample;
    // All stages keep their distance.
    for (std::size_t i = 0; i + 1 < pace.sums.size(); ++i) {
      pace.sums[i] *= pace.slowest_s / pace.times_s[i / PipelineState::kNumSums];
    }
    for (std::int64_t& next : state_.next) next += left_ * repetition_.slots;
    count_skipped(left_, left / (2.0 * kSample), pace.sums, pace.slowest_s);
  }

  PipelineState& state_;
  const Repetition& repetition_;
  std::int64_t left_ = 0, played_ = 0;
  std::deque<Growth> paces_;  // of the lanes, over each of the last stretches
  Mark lanes_;                // after the last of them
  // Of what was skipped; kept apart until the end, since the digits of the state are to tell one period from the next.
  double origin_s_ = 0.0;
  std::vector<double> skipped_;
};

}  // namespace

void repeat(PipelineState& state, const Repetition& repetition) { Repeater(state, repetition).run(); }

}  // namespace perfbench
