// What the engine counts while it runs against what the Programs say.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "parity/tiny_llama.h"
#include "program/step_traffic.h"
#include "sim/memory.h"
#include "sim/simulate.h"

namespace perfbench {

inline std::string text(const Traffic& traffic) {
  return std::to_string(traffic.calls) + " calls, " + std::to_string(traffic.bytes) + " bytes";
}

inline std::string text(const RankTraffic& traffic) {
  std::string out;
  for (const Group group : kGroups) out += std::string(name(group)) + ": " + text(traffic.group[group]) + "; ";
  return out + "pipeline: " + text(traffic.pipeline);
}

inline void expect_structure(const StepReport& report, const Job& job, const Plan& plan) {
  const auto memory = replay_memory(plan);
  ASSERT_EQ(report.ranks.size(), static_cast<std::size_t>(job.num_gpus));
  for (const RankReport& rank : report.ranks) {
    SCOPED_TRACE("stage " + std::to_string(rank.stage) + " tp " + std::to_string(rank.tp) + " cp " +
                 std::to_string(rank.cp) + " dp " + std::to_string(rank.dp));
    const StageMemoryBytes& planned = memory[static_cast<std::size_t>(rank.stage)];
    EXPECT_EQ(text(rank.traffic), text(step_traffic(plan, rank.stage)));
    EXPECT_EQ(static_cast<double>(rank.state_bytes), planned.parameters + planned.gradients + planned.optimizer);
    EXPECT_EQ(static_cast<double>(rank.peak_value_bytes), planned.activations + planned.workspace);
  }
}

// Losses and gradient norms of `steps` training steps, with perturbed weights.
struct Course {
  std::vector<double> losses, norms;
  bool operator==(const Course&) const = default;
};

inline Course train(const Job& job, const SessionSettings& settings, bool structure) {
  const Plan plan = build_plan(job);
  const auto session = open_tiny(plan, settings);
  Course course;
  for (int step = 0; step < 3; ++step) {
    const StepReport report = session->step(mock_batch(job, 7, step), StepKind::train);
    if (structure) expect_structure(report, job, plan);
    course.losses.push_back(report.loss);
    course.norms.push_back(report.grad_norm);
  }
  return course;
}

}  // namespace perfbench
