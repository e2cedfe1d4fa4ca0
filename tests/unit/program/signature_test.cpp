// Which kernels are one kernel: their names must differ where their times may.
#include "program/signature.h"

#include <gtest/gtest.h>

#include <set>

namespace perfbench {
namespace {

class Signature : public ::testing::Test {
 protected:
  ValueId value(Shape shape, DType dtype = DType::bf16) {
    program_.values.push_back({.type = {.shape = shape, .dtype = dtype, .placement = {}}});
    return static_cast<ValueId>(program_.values.size() - 1);
  }
  std::string of(const Op& op) const { return signature(op, program_); }

  Program program_;
};

TEST_F(Signature, NamesTheOpItsOperandsAndItsFields) {
  const Matmul op{.a = {value({8, 4})}, .b = {value({6, 4})}, .out = {value({8, 6})}};
  EXPECT_EQ(of(op), "matmul(bf16[8,4],bf16[6,4],-,-,-,bf16[8,6]) transpose_b=1");
}

TEST_F(Signature, OneKernelHasOneNameWhereverItStands) {
  const Op here = Add{.a = {value({8, 4})}, .b = {value({8, 4})}, .out = {value({8, 4})}};
  program_.mesh.size[Axis::dp] = 8;
  const Op there = Add{.a = {value({8, 4})}, .b = {value({8, 4})}, .out = {value({8, 4})}};
  EXPECT_EQ(of(here), of(there));
  EXPECT_EQ(of(RmsNorm{.eps = 1e-5}), of(RmsNorm{.eps = 1e-6}));
}

TEST_F(Signature, DiffersWhereTheKernelDoes) {
  const ValueId wide = value({8, 6}), narrow = value({8, 4}), coarse = value({8, 4}, DType::f8e4m3);
  const Heads heads{.heads = 4, .kv_heads = 2, .head_dim = 8};
  const Attention attention{.qkv = {wide}, .out = {narrow}, .heads = heads, .batch = 1, .seq = 8};
  const auto changed = [](auto op, auto change) {
    change(op);
    return op;
  };
  const std::vector<Op> ops = {
      Matmul{.a = {wide}, .b = {wide}, .out = {narrow}},
      Matmul{.a = {wide}, .b = {wide}, .out = {wide}},
      Matmul{.a = {wide}, .b = {coarse}, .out = {narrow}},
      Matmul{.a = {wide}, .b = {wide}, .bias = {narrow}, .out = {narrow}},
      Matmul{.a = {wide}, .b = {wide}, .out = {narrow}, .transpose_b = false},
      WeightGrad{.dy = {wide}, .x = {wide}, .dw = {wide}},
      WeightGrad{.dy = {wide}, .x = {wide}, .dw = {wide}, .transposed = true},
      RmsNorm{.x = {wide}, .y = {wide}},
      RmsNorm{.x = {wide}, .residual = {wide}, .sum = {wide}, .y = {wide}},
      LayerNorm{.x = {wide}, .y = {wide}},
      LayerNorm{.x = {wide}, .y = {wide}, .weight_offset = 1.0},
      Rope{.qkv = {wide}, .heads = heads, .rotary_dim = 8},
      Rope{.qkv = {wide}, .heads = heads, .rotary_dim = 4},
      Rope{.qkv = {wide}, .heads = heads, .rotary_dim = 8, .inverse = true},
      attention,
      changed(attention, [](Attention& op) { op.causal = false; }),
      changed(attention, [](Attention& op) { op.attended = 3.5; }),
      changed(attention, [](Attention& op) { op.heads.kv_heads = 4; }),
      changed(attention, [](Attention& op) { op.batch = 2, op.seq = 4; }),
      AttentionBackward{.qkv = {wide}, .heads = heads, .batch = 1, .seq = 8},
      Activate{.x = {wide}, .y = {wide}, .activation = Activation::gelu},
      Activate{.x = {wide}, .y = {wide}, .activation = Activation::relu2},
      AdapterUp{.columns = {AdapterBlock{4, true}, AdapterBlock{4, false}}},
      AdapterUp{.columns = {AdapterBlock{4, false}, AdapterBlock{4, true}}},
      Quantize{.x = {wide}, .q = {coarse}},
      Quantize{.x = {wide}, .q = {coarse}, .q_t = {coarse}},
      CrossEntropy{.logits = {wide}, .vocab = 6},
      CrossEntropy{.logits = {wide}, .vocab = 5},
      AdamW{.weights = {{wide}}, .main_grads = {{wide}}},
      AdamW{.weights = {{wide}}, .main_grads = {{wide}}, .shards = 2},
      AdamW{.weights = {{wide}}, .main_grads = {{wide}}, .state_bytes = 8},
      AdamW{.weights = {{wide}, {wide}}, .main_grads = {{wide}, {wide}}},
  };
  std::set<std::string> names;
  for (const Op& op : ops) EXPECT_TRUE(names.insert(of(op)).second) << of(op);
}

TEST_F(Signature, SplitOpsDoOtherWork) {
  const ValueId rows = value({8, 6});
  const std::vector<Op> ops = {Attention{.qkv = {rows}}, Embedding{.weight = {rows}}, CrossEntropy{.logits = {rows}},
                               Quantize{.x = {rows}, .amax_over_tp = true}};
  std::vector<std::string> alone;
  for (const Op& op : ops) alone.push_back(of(op));
  program_.mesh.size[Axis::tp] = program_.mesh.size[Axis::cp] = 2;
  for (std::size_t i = 0; i < ops.size(); ++i) EXPECT_NE(of(ops[i]), alone[i]);
}

TEST_F(Signature, StatesAreCountedInAnyOrder) {
  const ValueId square = value({4, 4}), norm = value({4}), more = value({4, 4});
  EXPECT_EQ(of(GradNorm{.main_grads = {{square}, {norm}, {more}}}), "grad_norm(2*bf16[4,4]+1*bf16[4]) shards=1");
  EXPECT_EQ(of(GradNorm{.main_grads = {{norm}, {more}, {square}}}),
            of(GradNorm{.main_grads = {{square}, {norm}, {more}}}));
}

}  // namespace
}  // namespace perfbench
