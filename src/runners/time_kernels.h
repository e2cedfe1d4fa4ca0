// Times planned kernels one by one until the time for it is spent.
#pragma once

#include <functional>
#include <string_view>
#include <vector>

#include "cost/kernel_table.h"
#include "engine/op_timer.h"
#include "runners/planned_kernel.h"

namespace perfbench {

struct TimingParts {
  std::function<OpTiming(const Program&, const Op&)> time;  // of one kernel; throws as OpTimer::time() does
  std::function<double()> now_s;                            // of a clock that only goes forward
  std::function<void(std::string_view signature)> done{};   // after each kernel; may be empty
  std::function<void(std::string_view signature, std::string_view why)> skipped{};  // may be empty
  std::function<bool()> stop{};  // asked before each kernel: whether the rest is left out; may be empty
};

// The table without where it was measured. Kernels that do not fit, or that the device cannot run or hangs in, are
// counted as skipped; those for which no time is left, as left out.
KernelTable time_kernels(const std::vector<PlannedKernel>& kernels, double budget_s, const TimingParts& parts);

}  // namespace perfbench
