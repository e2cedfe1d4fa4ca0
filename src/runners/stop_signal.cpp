#include "runners/stop_signal.h"

#include <array>
#include <csignal>

namespace perfbench {
namespace {

constexpr std::array kStopSignals{SIGINT, SIGTERM};

volatile std::sig_atomic_t came = 0;

struct sigaction handling_of(int signal) {
  struct sigaction now {};
  sigaction(signal, nullptr, &now);
  return now;
}

// The next one, be it the other, ends the process.
void on_stop_signal(int signal) {
  came = signal;
  for (const int each : kStopSignals)
    if (handling_of(each).sa_handler == on_stop_signal) std::signal(each, SIG_DFL);
}

}  // namespace

void catch_stop_signals() {
  struct sigaction action {};
  action.sa_handler = on_stop_signal;
  action.sa_flags = static_cast<int>(SA_RESTART);  // nobody's read or write fails
  for (const int signal : kStopSignals)
    if (handling_of(signal).sa_handler == SIG_DFL) sigaction(signal, &action, nullptr);
}

int stop_signal() { return came; }

std::string stop_signal_name() {
  if (came == 0) return "";
  return came == SIGINT ? "SIGINT" : "SIGTERM";
}

ExitCode stop_exit_code() { return static_cast<ExitCode>(128 + came); }

}  // namespace perfbench
