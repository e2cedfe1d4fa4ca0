#include "runners/time_kernels.h"

#include <fmt/format.h>

#include <cmath>
#include <optional>
#include <string>

#include "base/error.h"

namespace perfbench {
namespace {

std::optional<OpTiming> timing_of(const PlannedKernel& kernel, const TimingParts& parts) {
  std::string why;
  try {
    const OpTiming timing = parts.time(*kernel.program, kernel.op);
    if (std::isfinite(timing.seconds) && timing.seconds > 0.0) return timing;
    why = fmt::format("took {} s", timing.seconds);
  } catch (const RunError& error) {
    why = error.problems().empty() ? error.what() : error.problems().front().what;
  } catch (const Unsupported& problem) {
    why = problem.what();
  }
  if (parts.skipped) parts.skipped(kernel.signature, why);
  return std::nullopt;
}

}  // namespace

KernelTable time_kernels(const std::vector<PlannedKernel>& kernels, double budget_s, const TimingParts& parts) {
  KernelTable table;
  const double end_s = parts.now_s() + budget_s;
  for (const PlannedKernel& kernel : kernels) {
    if (table.kernels.contains(kernel.signature)) continue;
    if (parts.now_s() >= end_s || (parts.stop && parts.stop())) {
      ++table.left_out;
      continue;
    }
    const std::optional<OpTiming> timing = timing_of(kernel, parts);
    if (timing) {
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
