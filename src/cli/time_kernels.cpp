#include "cli/time_kernels.h"

#include <optional>

#include "base/error.h"

namespace perfbench {
namespace {

std::optional<OpTiming> timing_of(const PlannedKernel& kernel, const TimingParts& parts) {
  try {
    return parts.time(*kernel.program, kernel.op);
  } catch (const RunError&) {
    return std::nullopt;
  } catch (const Unsupported&) {
    return std::nullopt;
  }
}

}  // namespace

KernelTable time_kernels(const std::vector<PlannedKernel>& kernels, double budget_s, const TimingParts& parts) {
  KernelTable table;
  const double end_s = parts.now_s() + budget_s;
  for (const PlannedKernel& kernel : kernels) {
    if (table.kernels.contains(kernel.signature)) continue;
    if (parts.now_s() >= end_s) {
      ++table.left_out;
      continue;
    }
    const std::optional<OpTiming> timing = timing_of(kernel, parts);
    if (timing && timing->seconds > 0.0) {
      table.kernels[kernel.signature] = {.seconds = timing->seconds,
                                         .mad_s = timing->mad_s,
                                         .runs = timing->runs,
                                         .work = kernel_work(kernel.op, *kernel.program)};
    } else {
      ++table.skipped;
    }
    if (parts.done) parts.done(kernel.signature);
  }
  return table;
}

}  // namespace perfbench
