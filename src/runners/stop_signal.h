// SIGINT and SIGTERM as a wish: what runs comes to the end of its step and keeps what it has.
#pragma once

#include <string>

#include "base/error.h"

namespace perfbench {

// From now on. A second signal ends the process at once. One that was ignored before (nohup, a shell's background)
// stays ignored.
void catch_stop_signals();

int stop_signal();               // the one that came; 0: none
std::string stop_signal_name();  // "SIGINT"; empty: none
ExitCode stop_exit_code();       // 128 + n, as a shell has it for a process that a signal ended

}  // namespace perfbench
