// Measured kernels in the simulation: how much of the step they are.
#include <gtest/gtest.h>

#include <filesystem>

#include "models/programs.h"
#include "program/signature.h"
#include "sim/simulate.h"
#include "unit/support/jobs.h"

namespace perfbench {
namespace {

CostModel carried(const Job& job) {
  return cost_model(job, read_kernel_constants(std::filesystem::path(PERFBENCH_SOURCE_DIR) / "model_configs" /
                                               "kernels" / "h100.json"));
}

// Every kernel that `wanted` takes, twice as long as it is predicted.
template <class Wanted>
std::shared_ptr<KernelTable> slow_kernels(const Plan& plan, const CostModel& cost, Wanted wanted) {
  auto table = std::make_shared<KernelTable>();
  for (const Program& program : plan.kinds) {
    for (const auto* nodes : {&program.forward, &program.backward, &program.optimizer}) {
      for (const Node& node : *nodes) {
        if (lane_of(node.op) != Lane::compute || !wanted(node.op)) continue;
        const double seconds = kernel_time_s(kernel_work(node.op, program), cost.kernels, cost.hardware, cost.stack);
        table->kernels[signature(node.op, program)] = {.seconds = 2.0 * seconds, .runs = 1};
      }
    }
  }
  return table;
}

double kernels_of(const Breakdown& parts) {
  return parts[Part::matmul] + parts[Part::attention] + parts[Part::memory_bound];
}

class Measured : public ::testing::Test {
 protected:
  const Job job_ = real_job({.dtype = "fp8", .layout = {.tp = 2, .pp = 4, .vp = 2, .dp = 2}, .microbatches = 16});
  const Plan plan_ = build_plan(job_);
};

TEST_F(Measured, NothingIsMeasuredWithoutATable) { EXPECT_EQ(simulate(plan_, carried(job_)).measured_s, 0.0); }

TEST_F(Measured, BothSimulationsCountTheSame) {
  CostModel cost = carried(job_);
  cost.measured = slow_kernels(plan_, cost, [](const Op& op) { return !std::holds_alternative<AdamW>(op); });
  const Simulation quick = simulate(plan_, cost), flat = simulate_flat(plan_, cost);
  EXPECT_GT(quick.measured_s, 0.5 * quick.step_time_s);
  EXPECT_NEAR(quick.measured_s / flat.measured_s, 1.0, 1e-9);
  // All kernels but AdamW's, and the gradient norm of the update.
  EXPECT_NEAR(quick.measured_s, kernels_of(quick.breakdown), 0.01 * quick.measured_s);
  EXPECT_EQ(quick.breakdown[Part::launch], 0.0);
}

TEST_F(Measured, TheTableBeatsTheModel) {
  CostModel cost = carried(job_);
  const Simulation modelled = simulate(plan_, cost);
  cost.measured = slow_kernels(plan_, cost, [](const Op& op) { return std::holds_alternative<Matmul>(op); });
  const Simulation measured = simulate(plan_, cost);
  EXPECT_GT(measured.breakdown[Part::matmul], 1.3 * modelled.breakdown[Part::matmul]);
  EXPECT_NEAR(measured.breakdown[Part::attention], modelled.breakdown[Part::attention], 1e-9);
  EXPECT_NEAR(measured.breakdown.total(), measured.step_time_s, 1e-9);
  EXPECT_GT(measured.measured_s, 0.0);
  EXPECT_LT(measured.measured_s, measured.breakdown[Part::matmul]);  // weight gradients are modelled
}

TEST_F(Measured, TheUpdateCounts) {
  CostModel cost = carried(job_);
  cost.measured = slow_kernels(plan_, cost, [](const Op& op) { return std::holds_alternative<AdamW>(op); });
  const Simulation measured = simulate(plan_, cost);
  EXPECT_GT(measured.measured_s, 0.0);
  EXPECT_LT(measured.measured_s, measured.breakdown[Part::optimizer]);  // the gradient norm is modelled
}

// One name, whatever the layout: what was measured for one serves the other.
TEST_F(Measured, KernelsOfOneLayoutServeAnother) {
  const Job other = real_job({.dtype = "fp8", .layout = {.tp = 2, .pp = 2, .dp = 8}, .microbatches = 8});
  const Plan plan = build_plan(other);
  CostModel cost = carried(other);
  cost.measured = slow_kernels(plan_, cost, [](const Op&) { return true; });
  const Simulation measured = simulate(plan, cost);
  EXPECT_NEAR(measured.measured_s, kernels_of(measured.breakdown), 0.02 * measured.measured_s);
}

}  // namespace
}  // namespace perfbench
