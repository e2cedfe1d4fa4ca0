// Layers of experts: what their Programs look like, and what verify() says when a part of a row's way is wrong.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "models/missing.h"
#include "models/programs.h"
#include "program/buckets.h"
#include "program/infer.h"
#include "program/operands.h"
#include "program/print.h"
#include "program/step_traffic.h"
#include "program/verify.h"
#include "unit/support/golden.h"
#include "unit/support/jobs.h"

namespace perfbench {
namespace {

using ::testing::HasSubstr;

constexpr ChunkLayers kLayer{.first = 0, .count = 1, .embedding = false, .head = false};

struct Ranks {
  int tp = 1, dp = 1, ep = 1, etp = 1;
};

// H 64, 8 heads of 8, 8 experts of width 96, 2 a token; 32 tokens a microbatch.
Job expert_job(const Ranks& ranks, Gate gate = Gate::topk) {
  Job job = tiny_job(1, {.tp = ranks.tp, .dp = ranks.dp});
  job.model.family = "mixtral";
  job.model.kinds.front().mlp = Moe{.experts = 8, .top_k = 2, .ffn = 96, .normalised = true};
  job.layout.ep = ranks.ep;
  job.layout.etp = ranks.etp;
  job.gate = gate;
  return job;
}

Program layer_of(const Job& job) { return build_chunk(job, kLayer); }

void expect_layer(const std::string& name, const Job& job) {
  expect_golden("program_" + name, print_program(layer_of(job), name));
}

TEST(ExpertsGolden, OverTpAndDp) { expect_layer("experts_tp2_ep4", expert_job({.tp = 2, .dp = 2, .ep = 4})); }

TEST(ExpertsGolden, SplitAlongTheirWidth) {
  expect_layer("experts_tp2_ep2_etp2", expert_job({.tp = 2, .dp = 4, .ep = 2, .etp = 2}, Gate::random));
}

TEST(ExpertsGolden, WithACapacityInFp8) {
  Job job = expert_job({.dp = 4, .ep = 4}, Gate::balanced);
  job.expert_capacity = 1.0;
  job.precision = Precision::fp8cs;
  expect_layer("experts_ep4_capacity_fp8", job);
}

TEST(ExpertsGolden, InSharesOfTheirCopies) {
  Job job = expert_job({.dp = 4, .ep = 2}, Gate::balanced);
  job.layout.fsdp = true;
  job.stack.fused_grad_accumulation = false;
  expect_layer("experts_fsdp4_ep2", job);
}

TEST(Experts, ARouterThatDoesNotRunHasNoWeight) {
  const auto weights = [](Gate gate) {
    std::set<std::string> names;
    const Program program = layer_of(expert_job({.dp = 2, .ep = 2}, gate));
    for (ValueId id : states(program, StateKind::weight)) names.insert(program[id].name);
    return names;
  };
  EXPECT_TRUE(weights(Gate::topk).contains("router"));
  EXPECT_TRUE(weights(Gate::random).contains("router"));
  EXPECT_FALSE(weights(Gate::balanced).contains("router"));
}

// 32 tokens, 2 choices each, 8 experts: 8 rows an expert of a balanced gate.
TEST(Experts, ACapacityRoundsUp) {
  Job job = expert_job({.dp = 2, .ep = 2});
  job.expert_capacity = 1.1;
  const Program program = layer_of(job);
  for (const Node& node : program.forward) {
    if (const auto* op = std::get_if<PlaceRows>(&node.op)) {
      EXPECT_EQ(op->capacity, 9);
    } else if (const auto* permute = std::get_if<Permute>(&node.op)) {
      EXPECT_EQ(permute->num_rows, 72);
    }
    EXPECT_FALSE(std::holds_alternative<ShareCounts>(node.op));
  }
}

TEST(Experts, AreReducedOverTheRanksThatHoldThem) {
  const Program program = layer_of(expert_job({.tp = 2, .dp = 4, .ep = 4}));
  for (const Bucket& bucket : buckets(program)) {
    const View view = program[bucket.weights.front().id].view;
    EXPECT_EQ(bucket.group, view == View::expert ? Group::expert_copies : Group::copies);
    EXPECT_EQ(bucket.ranks, view == View::expert ? 2 : 4);
  }
}

// (T k, H) in BF16 and one float32 a row, sent and received, forward and backward; T = 32.
TEST(Experts, SendEachTokenOnceForEachChoice) {
  const Plan plan = build_plan(expert_job({.dp = 4, .ep = 4}, Gate::balanced));
  const std::int64_t rows = 64 * 64 * 2, weights = 64 * 4, counts = 4 * 8 * 8, norm = 4;
  // Weights of rows have no gradient where no router made them.
  EXPECT_EQ(step_traffic(plan, 0).group[Group::ep].bytes, 8 * (4 * rows + weights + counts) + norm);
}

TEST(Experts, OneRankOfTpForAllOfThemMayNotHaveTheSameTokens) {
  Job job = expert_job({.tp = 2, .dp = 1, .ep = 2});
  job.stack.sequence_parallel = false;
  EXPECT_THROW(layer_of(job), ProgramError);
}

TEST(Experts, WhatIsMissingHasAName) {
  Job job = expert_job({});
  const auto feature = [&] { return missing(std::get<Moe>(job.model.kinds.front().mlp), job)->feature; };
  auto& moe = std::get<Moe>(job.model.kinds.front().mlp);
  moe.bias = true;
  EXPECT_EQ(feature(), "expert bias");
  moe = {.experts = 8, .top_k = 2, .ffn = 96, .shared = Dense{.ffn = 96}};
  EXPECT_EQ(feature(), "shared experts");
  moe = {.experts = 8, .top_k = 2, .ffn = 96, .activation = Activation::gelu};
  EXPECT_EQ(feature(), "expert activation");
}

// A Program without one of its nodes, and with what read its results reading its operands, the first for the first.
Program without(Program program, std::vector<Node> Program::*phase, std::size_t index) {
  std::vector<Node>& nodes = program.*phase;
  const std::vector<Operand> operands = collect(nodes[index].op);
  std::vector<ValueId> ins, outs;
  for (const Operand& operand : operands) {
    if (operand.use == Use::in) ins.push_back(operand.id);
    if (operand.use == Use::out) outs.push_back(operand.id);
  }
  nodes.erase(nodes.begin() + static_cast<std::ptrdiff_t>(index));
  for (auto* list : {&program.forward, &program.backward}) {
    for (Node& node : *list) {
      rename(node.op, [&](const Operand& o) {
        const auto made = o.use == Use::in ? std::ranges::find(outs, o.id) : outs.end();
        return made == outs.end() ? o.id : ins.at(static_cast<std::size_t>(made - outs.begin()));
      });
    }
  }
  return program;
}

bool moves_rows(const Op& op) {
  return std::holds_alternative<AllToAll>(op) || std::holds_alternative<Regroup>(op) ||
         std::holds_alternative<ShareCounts>(op) || std::holds_alternative<ReduceGrads>(op) ||
         std::holds_alternative<ReducePartialGrads>(op);
}

TEST(Experts, NothingOfARowsWayCanBeLeftOut) {
  const Program program = layer_of(expert_job({.tp = 2, .dp = 4, .ep = 2, .etp = 2}));
  int tried = 0;
  for (auto phase : {&Program::forward, &Program::backward}) {
    for (std::size_t i = 0; i < (program.*phase).size(); ++i) {
      const Op& op = (program.*phase)[i].op;
      const bool along_etp = lane_of(op) == Lane::ep;
      if (!moves_rows(op) && !along_etp) continue;
      EXPECT_THROW(verify(without(program, phase, i)), ProgramError) << name(op) << " at " << i;
      ++tried;
    }
  }
  EXPECT_GE(tried, 16);
}

TEST(Experts, NothingOfARowsWayCanBeDoneTwice) {
  const Program program = layer_of(expert_job({.tp = 2, .dp = 4, .ep = 2, .etp = 2}));
  for (auto phase : {&Program::forward, &Program::backward}) {
    for (std::size_t i = 0; i < (program.*phase).size(); ++i) {
      if (!moves_rows((program.*phase)[i].op)) continue;
      Program twice = program;
      auto& nodes = twice.*phase;
      nodes.insert(nodes.begin() + static_cast<std::ptrdiff_t>(i), nodes[i]);
      EXPECT_THROW(verify(twice), ProgramError) << name(nodes[i].op) << " at " << i;
    }
  }
}

TEST(Experts, RowsThatLieRankByRankAreNotComputedWith) {
  const Program program = layer_of(expert_job({.dp = 4, .ep = 4}));
  std::size_t i = 0;
  while (!std::holds_alternative<Regroup>(program.forward[i].op)) ++i;
  try {
    verify(without(program, &Program::forward, i));
    FAIL();
  } catch (const ProgramError& error) {
    EXPECT_THAT(error.what(), HasSubstr("rank by rank, should lie expert by expert"));
  }
}

}  // namespace
}  // namespace perfbench
