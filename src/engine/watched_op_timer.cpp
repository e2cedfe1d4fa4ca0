#include "engine/watched_op_timer.h"

#include <fmt/format.h>

#include <string>
#include <utility>

#include "base/error.h"
#include "engine/watchdog.h"

namespace perfbench {
namespace {

class WatchedOpTimer final : public OpTimer {
 public:
  WatchedOpTimer(const OpenOpTimer& open, const OpTimerSettings& settings) : timeout_s_(settings.timeout_s) {
    run("opening the timer", [open, settings, timer = timer_] { *timer = open(settings); });
  }

  OpTiming time(const Program& program, const Op& op) override {
    const auto timing = std::make_shared<OpTiming>();
    run(std::string(name(op)), [timer = timer_, program, op, timing] { *timing = (*timer)->time(program, op); });
    return *timing;
  }

 private:
  void run(const std::string& what, std::function<void()> task) {
    check(!watchdog_.hangs(), "op timer: used after it was left behind");
    if (!watchdog_.run(std::move(task), timeout_s_))
      throw TimeoutError(what, fmt::format("does not end within {:g} s", timeout_s_));
  }

  const double timeout_s_;
  std::shared_ptr<std::unique_ptr<OpTimer>> timer_ = std::make_shared<std::unique_ptr<OpTimer>>();
  Watchdog watchdog_{"op timer"};
};

}  // namespace

std::unique_ptr<OpTimer> open_watched_op_timer(const OpenOpTimer& open, const OpTimerSettings& settings) {
  return std::make_unique<WatchedOpTimer>(open, settings);
}

}  // namespace perfbench
