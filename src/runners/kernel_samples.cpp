#include "runners/kernel_samples.h"

#include <cmath>

#include "base/error.h"
#include "harness/statistics.h"
#include "program/signature.h"

namespace perfbench {
namespace {

const std::vector<Node>& nodes_of(const Program& program, ProgramPhase phase) {
  switch (phase) {
    case ProgramPhase::forward:
      return program.forward;
    case ProgramPhase::backward:
      return program.backward;
    case ProgramPhase::optimizer:
      return program.optimizer;
  }
  return program.forward;
}

}  // namespace

void KernelSamples::add(const std::vector<OpSeconds>& ops) {
  for (const OpSeconds& timed : ops) {
    const Program& program = plan_.of(timed.chunk, timed.stage);
    const std::vector<Node>& nodes = nodes_of(program, timed.phase);
    check(timed.node < nodes.size(), "the session timed an op that its Program does not have");
    const Op& op = nodes[timed.node].op;
    if (lane_of(op) != Lane::compute) continue;
    Kernel& kernel = kernels_[signature(op, program)];
    if (kernel.seconds.empty()) kernel.work = kernel_work(op, program);
    for (const double seconds : timed.seconds) {
      if (!std::isfinite(seconds) || seconds <= 0.0) continue;
      kernel.seconds.push_back(seconds);
      seconds_ += seconds;
    }
  }
}

double KernelSamples::median_seconds() const {
  double seconds = 0.0;
  for (const auto& [signature, kernel] : kernels_) {
    if (!kernel.seconds.empty()) seconds += median(kernel.seconds) * static_cast<double>(kernel.seconds.size());
  }
  return seconds;
}

void KernelSamples::store(KernelTable& table) const {
  for (const auto& [signature, kernel] : kernels_) {
    if (kernel.seconds.empty()) continue;
    table.kernels[signature] = {.seconds = median(kernel.seconds),
                                .mad_s = median_absolute_deviation(kernel.seconds),
                                .runs = static_cast<std::int64_t>(kernel.seconds.size()),
                                .work = kernel.work};
  }
}

}  // namespace perfbench
