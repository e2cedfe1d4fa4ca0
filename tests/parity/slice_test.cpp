// One rank of a stage alone, its peers being stand-ins: it must hold, free and run what it does among them.
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <tuple>

#include "parity/tiny_llama.h"
#include "sim/memory.h"

namespace perfbench {
namespace {

class Slices : public WithEngine, public testing::WithParamInterface<TinyLlama> {};

std::vector<TinyLlama> layouts() {
  return {
      {.name = "one_rank"},
      {.name = "tp2_pp2_vp2_dp2", .tp = 2, .pp = 2, .vp = 2, .dp = 2, .tied = true, .bucket_elements = 2000},
      {.name = "bf16_tp2_cp2", .tp = 2, .mbs = 2, .precision = Precision::bf16, .cp = 2},
      {.name = "fp8cs_tp2_pp4", .tp = 2, .pp = 4, .precision = Precision::fp8cs},
      {.name = "fsdp4", .dp = 4, .fsdp = true},
  };
}

std::size_t nodes_of(const Program& program, ProgramPhase phase) {
  switch (phase) {
    case ProgramPhase::forward:
      return program.forward.size();
    case ProgramPhase::backward:
      return program.backward.size();
    case ProgramPhase::optimizer:
      return program.optimizer.size();
  }
  return 0;
}

const Node& node_of(const Program& program, const OpSeconds& timed) {
  if (timed.phase == ProgramPhase::optimizer) return program.optimizer.at(timed.node);
  return (timed.phase == ProgramPhase::forward ? program.forward : program.backward).at(timed.node);
}

// Every node of every chunk once, with a time for each microbatch in which it runs.
void expect_all_timed(const std::vector<OpSeconds>& timed, const Job& job, const Plan& plan, int stage) {
  std::map<std::pair<int, ProgramPhase>, std::size_t> seen;
  const auto microbatches = static_cast<std::size_t>(job.num_microbatches * job.num_flushes);
  for (const OpSeconds& op : timed) {
    EXPECT_EQ(op.stage, stage);
    const Node& node = node_of(plan.of(op.chunk, stage), op);
    const bool always = node.when == When::always && op.phase != ProgramPhase::optimizer;
    EXPECT_EQ(op.seconds.size(), always ? microbatches : 1) << name(node.op);
    for (const double seconds : op.seconds) EXPECT_GE(seconds, 0.0);
    ++seen[{op.chunk, op.phase}];
  }
  for (int chunk = 0; chunk < job.layout.vp; ++chunk) {
    const Program& program = plan.of(chunk, stage);
    for (const ProgramPhase phase : {ProgramPhase::forward, ProgramPhase::backward, ProgramPhase::optimizer}) {
      EXPECT_EQ((seen[{chunk, phase}]), nodes_of(program, phase));
    }
  }
}

TEST_P(Slices, HoldWhatTheirStageHoldsAndTimeEveryOp) {
  const Job job = tiny_llama(GetParam());
  const Plan plan = build_plan(job);
  const std::vector<StageMemoryBytes> memory = replay_memory(plan);
  for (int stage = 0; stage < job.layout.pp; ++stage) {
    SCOPED_TRACE("stage " + std::to_string(stage));
    const auto session = open_session(engine_library(), plan, {.slice_stage = stage, .time_ops = true});
    for (int step = 0; step < 2; ++step) {
      const StepReport report = session->step(mock_batch(job, 7, step), StepKind::train);
      ASSERT_EQ(report.ranks.size(), 1U);
      const RankReport& rank = report.ranks.front();
      const StageMemoryBytes& bytes = memory[static_cast<std::size_t>(stage)];
      EXPECT_EQ(rank.stage, stage);
      EXPECT_EQ(static_cast<double>(rank.state_bytes), bytes.parameters + bytes.gradients + bytes.optimizer);
      EXPECT_EQ(static_cast<double>(rank.peak_value_bytes), bytes.activations + bytes.workspace);
      EXPECT_TRUE(std::isfinite(report.loss));
      EXPECT_GT(report.seconds, 0.0);
      expect_all_timed(session->op_seconds(), job, plan, stage);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Layouts, Slices, testing::ValuesIn(layouts()), [](const auto& one) { return one.param.name; });

TEST_F(WithEngine, OpsOfEveryStageAreTimedAmongPeers) {
  const Job job = tiny_llama({.name = "pp2", .pp = 2});
  const Plan plan = build_plan(job);
  const auto session = open_tiny(plan, {.time_ops = true});
  session->step(mock_batch(job, 7, 0), StepKind::train);
  std::map<int, std::vector<OpSeconds>> by_stage;
  for (const OpSeconds& op : session->op_seconds()) by_stage[op.stage].push_back(op);
  ASSERT_EQ(by_stage.size(), 2U);
  for (const auto& [stage, timed] : by_stage) expect_all_timed(timed, job, plan, stage);
}

}  // namespace
}  // namespace perfbench
