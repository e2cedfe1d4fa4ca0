#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "program/backward.h"
#include "program/builder.h"
#include "program/copied_rows.h"
#include "program/passes.h"
#include "program/traffic.h"
#include "program/verify.h"
#include "unit/support/fault.h"

namespace perfbench {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// A linear of 8 rows on tp 4 and dp 2, of which the last 4 are on two ranks each, and one that gathers them; 8 tokens
// of width 4.
Program small_chunk(const Policy& policy) {
  Program program;
  program.mesh.size[Axis::tp] = 4;
  program.mesh.size[Axis::dp] = 2;
  program.mesh.kv_copies = 2;
  program.num_layers = 1;
  Builder build(program, policy);
  program.input = build.boundary("input", {8, 4});
  build.enter_layer(0);
  const Pieces pieces = {{.tensor = "q", .rows = 4, .model_rows = 16},
                         {.tensor = "k", .rows = 2, .copies = 2, .model_rows = 4},
                         {.tensor = "v", .rows = 2, .copies = 2, .model_rows = 4}};
  const ValueId pair = build.column_linear(program.input, {.name = "qkv", .weight = pieces}, 8, "qkv");
  const SwiGlu act = build.emit(SwiGlu{.x = {pair}}, {"act"});
  program.output = build.row_linear(act.y.id, {.name = "out"}, 4, "out");
  derive_backward(program, policy);
  if (policy.fsdp) {
    shard_parameters(program, policy);
  } else {
    add_data_parallel(program, policy);
  }
  add_optimizer(program, policy);
  return program;
}

const Policy kWhole{.fused_grad_accumulation = false};
const Policy kFsdp{.fused_grad_accumulation = false, .fsdp = true, .fsdp_reshard = true};

std::vector<Node>::iterator reduction(Program& program) {
  const auto it = std::ranges::find_if(
      program.backward, [](const Node& node) { return std::holds_alternative<ReduceCopiedRows>(node.op); });
  EXPECT_NE(it, program.backward.end());
  return it;
}

ReduceCopiedRows& op_of(std::vector<Node>::iterator node) { return std::get<ReduceCopiedRows>(node->op); }

std::string said(const Program& program) {
  return fault([&] { verify(program); });
}

TEST(CopiedRows, ThatLieSideBySideAreOneRange) {
  Program program;
  Value weight{.role = Role::state, .state = StateKind::weight};
  program.sources = {{.tensor = "a", .rows = 2, .copies = 2},
                     {.tensor = "b", .rows = 4},
                     {.tensor = "c", .rows = 1, .copies = 2},
                     {.tensor = "d", .rows = 3, .copies = 2}};
  weight.sources = {.first = 0, .count = 4};
  program.values = {weight};
  EXPECT_THAT(copied_rows(program, 0), ElementsAre(RowRange{.first = 0, .rows = 2}, RowRange{.first = 6, .rows = 4}));
}

TEST(CopiedRows, OfMainGradientsAreSummedOnceTheyAreComplete) {
  Program program = small_chunk(kWhole);
  EXPECT_EQ(said(program), "");
  const auto node = reduction(program);
  EXPECT_EQ(op_of(node).first_row, 4);
  EXPECT_EQ(op_of(node).rows, 4);
  EXPECT_EQ(node->when, When::last_microbatch);
  EXPECT_EQ(lane_of(node->op), Lane::tp);
  // 4 rows of 4 in 2 bytes.
  EXPECT_EQ(traffic(node->op, program).group[Group::kv_copies], (Traffic{.calls = 1, .bytes = 32}));
  program.mesh.kv_copies = 1;
  EXPECT_THAT(said(program), HasSubstr("has rows on 2 tp ranks, whose group is of 1"));
}

TEST(CopiedRows, ThatAreForgottenDoubledOrOthersAreNamed) {
  const std::string who =
      "main gradient of layer 0 qkv bf16[8,4]{tp:0 dp:partial}: summed over the copies of its rows: ";
  Program program = small_chunk(kWhole);
  Program forgotten = program;
  forgotten.backward.erase(reduction(forgotten));
  EXPECT_EQ(said(forgotten), who + "none, should be: rows 4 to 8");
  Program doubled = program;
  const Node twice = *reduction(doubled);
  doubled.backward.insert(reduction(doubled), twice);
  EXPECT_EQ(said(doubled), who + "rows 4 to 8, 4 to 8, should be: rows 4 to 8");
  op_of(reduction(program)).first_row = 3;
  EXPECT_EQ(said(program), who + "rows 3 to 7, should be: rows 4 to 8");
  op_of(reduction(program)).first_row = 5;
  EXPECT_EQ(said(program), "reduce_copied_rows: rows 5 to 9 of bf16[8,4]{tp:0 dp:partial}");
}

TEST(CopiedRows, AreSummedAfterTheLastWriterAndBeforeTheirCopiesOverDp) {
  Program early = small_chunk(kWhole);
  const Node node = *reduction(early);
  early.backward.erase(reduction(early));
  Program late = early;
  early.backward.insert(early.backward.begin(), node);
  EXPECT_THAT(said(early), HasSubstr("after its copied rows were summed"));
  late.backward.push_back(node);
  EXPECT_THAT(said(late), HasSubstr("after its reduction"));
}

TEST(CopiedRows, OfAnotherWeightAreNone) {
  Program program = small_chunk(kWhole);
  for (const ValueId grad : states(program, StateKind::main_grad)) {
    if (program[grad].name != std::string("out")) continue;
    program.backward.insert(reduction(program), {.op = ReduceCopiedRows{.main_grad = {grad}, .first_row = 0, .rows = 1},
                                                 .when = When::last_microbatch});
  }
  EXPECT_THAT(said(program), HasSubstr("summed over the copies of its rows: rows 0 to 1, should be: none"));
}

TEST(CopiedRows, OfShardedGradientsAreSummedBeforeTheyAreScattered) {
  Program program = small_chunk(kFsdp);
  EXPECT_EQ(said(program), "");
  const auto node = reduction(program);
  EXPECT_EQ(node->when, When::always);
  EXPECT_EQ(op_of(node).main_grad.id, kNoValue);
  EXPECT_EQ(traffic(node->op, program).group[Group::kv_copies], (Traffic{.calls = 1, .bytes = 32}));
  op_of(node).rows = 2;
  EXPECT_THAT(said(program), HasSubstr("rows 4 to 6, should be: rows 4 to 8"));
  for (Node& scatter : program.backward) {
    if (auto* op = std::get_if<ScatterGrads>(&scatter.op)) {
      for (In& dw : op->dws) dw = dw.id == op_of(node).sum.id ? op_of(node).dw : dw;
    }
  }
  EXPECT_THAT(said(program), HasSubstr("none, should be: rows 4 to 8"));
}

TEST(CopiedRows, OfDeferredSumsAreThoseOfMainGradients) {
  Policy policy = kFsdp;
  policy.fsdp_defer_reduce = true;
  Program program = small_chunk(policy);
  EXPECT_EQ(said(program), "");
  EXPECT_NE(op_of(reduction(program)).main_grad.id, kNoValue);
}

}  // namespace
}  // namespace perfbench
