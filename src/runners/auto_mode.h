// --mode auto: measured where this machine's GPUs are those that the job asks for, else simulated.
#pragma once

#include <string>

#include "engine/engine.h"
#include "job/job.h"

namespace perfbench {

struct ModeChoice {
  bool measures = false;
  std::string why{};  // completes "measured, because ..." or "simulated, because ..."
};

// `asked_stack` is the stack that a flag names, or "". Of `job` the system and num_gpus count.
ModeChoice choose_mode(const Job& job, const std::string& asked_stack, const EngineReport& report);

// "mode auto: simulated, because ..."
std::string note_of(const ModeChoice& choice);

}  // namespace perfbench
