// Times single ops of a Program, each alone on the device with operands of its own. Implemented by the engine library;
// this header knows neither LibTorch nor CUDA.
#pragma once

#include <filesystem>
#include <memory>

#include "engine/session.h"
#include "program/program.h"

namespace perfbench {

struct OpTiming {
  double seconds = 0.0;  // median of one run
  double mad_s = 0.0;    // median distance of a run from that
  int runs = 0;
};

struct OpTimerSettings {
  Device device = Device::cuda;
  double seconds_per_op = 0.05;  // how long an op is repeated after its warm-up; at least three runs
  std::uint64_t seed = 1;        // of the operands, which are random: kernels run faster on zeros
  double timeout_s = 600;        // of one op with its warm-up and all its runs
};

class OpTimer {
 public:
  virtual ~OpTimer() = default;
  // `op` is an op of `program`. Throws Unsupported for a collective and for an op that needs the states of a whole
  // chunk (the optimizer's), RunError when the operands do not fit into memory, TimeoutError when the op hangs: nothing
  // more can be timed then.
  virtual OpTiming time(const Program& program, const Op& op) = 0;
};

// Whether time() can run the op.
bool runs_alone(const Op& op);

// Loads the engine library. Throws EnvironmentError as open_session() does. An op that hangs does not hang the caller
// (watched_op_timer.h).
std::unique_ptr<OpTimer> open_op_timer(const OpTimerSettings& settings);
std::unique_ptr<OpTimer> open_op_timer(const std::filesystem::path& library, const OpTimerSettings& settings);

}  // namespace perfbench
