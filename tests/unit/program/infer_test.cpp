#include "program/infer.h"

#include <gtest/gtest.h>

#include "unit/support/fault.h"

namespace perfbench {
namespace {

// A value table on two tp ranks to try single ops on.
class Infers : public ::testing::Test {
 protected:
  Infers() { program_.mesh.size[Axis::tp] = 2; }

  ValueId value(Shape shape, Placement over_tp, DType dtype = DType::bf16) {
    ValueType type{.shape = shape, .dtype = dtype, .placement = {}};
    type.placement[Axis::tp] = over_tp;
    program_.values.push_back({.name = "v", .type = type});
    return static_cast<ValueId>(program_.values.size() - 1);
  }
  ValueId main_grad(Shape shape, Placement over_tp) {
    const ValueId id = value(shape, over_tp);
    program_[id].state = StateKind::main_grad;
    return id;
  }
  std::string said(const Op& op) const {
    return fault([&] { infer(op, program_); });
  }
  std::string type_of(const Op& op, std::size_t out = 0) const { return to_string(infer(op, program_).at(out)); }

  Program program_;
};

TEST_F(Infers, AnAdapterAddsToItsColumnsAlone) {
  const ValueId base = value({8, 10}, split(1)), h = value({8, 4}, kReplicated), b = value({8, 2}, split(0));
  const AdapterColumns columns = {{{6, true}, {2, false}, {2, true}}};
  EXPECT_EQ(type_of(AdapterUp{.base = {base}, .h = {h}, .b = {b}, .columns = columns}), "bf16[8,10]{tp:1}");
  EXPECT_EQ(type_of(AdapterUpBackward{.dout = {base}, .b = {b}, .columns = columns}), "bf16[8,4]{tp:partial}");
  EXPECT_EQ(type_of(AdapterWeightGrad{.dout = {base}, .h = {h}, .columns = columns}), "bf16[8,2]{tp:0}");
  AdapterUp wrong{.base = {base}, .h = {h}, .b = {b}, .columns = {{{6, true}, {2, true}, {2, true}}}};
  EXPECT_EQ(said(wrong), "adapter_up: b has not a row for each column with an adapter");
  wrong.columns = {{{6, true}, {2, true}}};
  EXPECT_EQ(said(wrong), "adapter_up: the blocks of columns are not those of the output");
  wrong.columns = {{{8, true}, {2, false}}};
  EXPECT_EQ(said(wrong), "adapter_up: h is not as wide as the ranks of the adapters");
}

TEST_F(Infers, OperandsNameAxesOfOneView) {
  program_.mesh.size[Axis::ep] = 2;
  const ValueId tokens = value({8, 4}, split(0)), whole = value({8, 4}, kReplicated),
                expert = value({6, 4}, kReplicated);
  program_[expert].type.placement[Axis::ep] = split(0);
  EXPECT_EQ(type_of(Matmul{.a = {whole}, .b = {expert}}), "bf16[8,6]{ep:1}");
  EXPECT_EQ(said(Matmul{.a = {tokens}, .b = {expert}}),
            "matmul: v bf16[8,4]{tp:0} and v bf16[6,4]{ep:0} lie on axes of two views of the ranks");
  program_[expert].type.placement[Axis::tp] = split(1);
  EXPECT_NE(said(Transpose{.x = {expert}}).find("two views"), std::string::npos);
}

TEST_F(Infers, TheUpdateTakesStatesOfBothViews) {
  program_.mesh.size[Axis::edp] = 2;
  const ValueId dense = main_grad({4}, kPartial), expert = main_grad({4}, kReplicated);
  program_[expert].type.placement[Axis::edp] = kPartial;
  EXPECT_EQ(said(GradNorm{.main_grads = {{dense}, {expert}}}), "");
  EXPECT_NE(said(ReduceGrads{.main_grads = {{dense}, {expert}}}).find("two views"), std::string::npos);
}

// Seen with a copy of h to all ranks: the loss stays right, and one of two summands of its gradient is doubled.
TEST_F(Infers, AnAdapterBesideAWholeSumMustBeWhole) {
  const ValueId base = value({8, 10}, kReplicated), part = value({8, 4}, kPartial), b = value({10, 4}, kReplicated);
  const std::string text = said(AdapterUp{.base = {base}, .h = {part}, .b = {b}, .columns = {{{10, true}}}});
  EXPECT_NE(text.find("do not go together"), std::string::npos) << text;
}

TEST_F(Infers, AColumnParallelProductIsSplitAndARowParallelOneIsASum) {
  const ValueId whole = value({8, 4}, kReplicated), part = value({8, 2}, split(1));
  EXPECT_EQ(type_of(Matmul{.a = {whole}, .b = {value({6, 4}, split(0))}}), "bf16[8,6]{tp:1}");
  EXPECT_EQ(type_of(Matmul{.a = {part}, .b = {value({6, 2}, split(1))}}), "bf16[8,6]{tp:partial}");
  EXPECT_EQ(type_of(Matmul{.a = {whole}, .b = {value({4, 6}, split(1))}, .transpose_b = false}), "bf16[8,6]{tp:1}");
  // Rows of one operand are rows of the result.
  EXPECT_EQ(type_of(Matmul{.a = {value({4, 4}, split(0))}, .b = {value({6, 4}, kReplicated)}}), "bf16[4,6]{tp:0}");
}

TEST_F(Infers, RefusesAProductOfASplitInnerDimAndAWholeOne) {
  EXPECT_EQ(said(Matmul{.a = {value({8, 4}, split(1))}, .b = {value({6, 4}, kReplicated)}}),
            "matmul: on axis tp: bf16[8,4]{tp:1} and bf16[6,4] do not go together");
}

TEST_F(Infers, RefusesAProductOfPartialSums) {
  EXPECT_EQ(said(Matmul{.a = {value({8, 4}, kPartial)}, .b = {value({6, 4}, kReplicated)}}),
            "matmul: on axis tp: bf16[8,4]{tp:partial} and bf16[6,4] do not go together");
}

TEST_F(Infers, RefusesAProductOfTwoPrecisions) {
  EXPECT_EQ(said(Matmul{.a = {value({8, 4}, kReplicated, DType::f8e4m3)}, .b = {value({6, 4}, kReplicated)}}),
            "matmul: operands of different precision");
}

TEST_F(Infers, TheWeightGradientOfSplitTokensIsASum) {
  const ValueId dy = value({4, 6}, split(0)), x = value({4, 3}, split(0));
  EXPECT_EQ(type_of(WeightGrad{.dy = {dy}, .x = {x}}), "bf16[6,3]{tp:partial}");
  const ValueId columns = value({8, 3}, split(1)), rows = value({8, 5}, kReplicated);
  EXPECT_EQ(type_of(WeightGrad{.dy = {columns}, .x = {rows}}), "bf16[3,5]{tp:0}");
  // Operands that were transposed for FP8 give the same gradient.
  const ValueId columns_t = value({3, 8}, split(0)), rows_t = value({5, 8}, kReplicated);
  EXPECT_EQ(type_of(WeightGrad{.dy = {columns_t}, .x = {rows_t}, .transposed = true}), "bf16[3,5]{tp:0}");
}

TEST_F(Infers, RefusesANormOfAPartialSum) {
  const ValueId weight = value({4}, kReplicated);
  EXPECT_EQ(said(RmsNorm{.x = {value({8, 4}, kPartial)}, .weight = {weight}}),
            "rms_norm: on axis tp: the input is a partial sum: bf16[8,4]{tp:partial}");
  EXPECT_EQ(said(RmsNorm{.x = {value({8, 4}, split(1))}, .weight = {weight}}),
            "rms_norm: on axis tp: rows are split: bf16[8,4]{tp:1}");
}

TEST_F(Infers, RefusesAResidualThatLiesOtherwise) {
  EXPECT_EQ(said(RmsNorm{.x = {value({8, 4}, kReplicated)},
                         .residual = {value({8, 4}, split(0))},
                         .weight = {value({4}, kReplicated)}}),
            "rms_norm: operands differ: bf16[8,4] and bf16[8,4]{tp:0}");
}

TEST_F(Infers, TheGradientOfANormWeightIsASumWhereTokensAreSplit) {
  const ValueId weight = value({4}, kReplicated), rstd = value({8}, kReplicated, DType::f32);
  const ValueId split_rows = value({8, 4}, split(0)), rows = value({8, 4}, kReplicated);
  const auto backward = [&](ValueId x) {
    return RmsNormBackward{.dy = {x}, .sum = {x}, .weight = {weight}, .rstd = {rstd}};
  };
  EXPECT_EQ(type_of(backward(split_rows), 1), "bf16[4]{tp:partial}");
  EXPECT_EQ(type_of(backward(rows), 1), "bf16[4]");
}

TEST_F(Infers, CollectivesTakeWhatTheyComplete) {
  const ValueId whole = value({8, 4}, kReplicated), rows = value({8, 4}, split(0)), sum = value({8, 4}, kPartial);
  EXPECT_EQ(type_of(AllGather{.x = {rows}}), "bf16[16,4]");
  EXPECT_EQ(type_of(ReduceScatter{.x = {sum}}), "bf16[4,4]{tp:0}");
  EXPECT_EQ(type_of(AllReduce{.x = {sum}}), "bf16[8,4]");
  EXPECT_EQ(said(AllGather{.x = {whole}}), "all_gather: on axis tp: the input is not split along dim 0");
  EXPECT_EQ(said(AllGather{.x = {sum}}), "all_gather: on axis tp: the input is not split along dim 0");
  EXPECT_EQ(said(ReduceScatter{.x = {whole}}), "reduce_scatter: on axis tp: the input is no partial sum");
  EXPECT_EQ(said(ReduceScatter{.x = {value({7, 4}, kPartial)}}), "reduce_scatter: dim 0 does not divide");
  EXPECT_EQ(said(AllReduce{.x = {rows}}), "all_reduce: on axis tp: the input is no partial sum");
}

// Rows that are split are gathered next, and need one scale; columns that are split stay where they are.
TEST_F(Infers, TheAmaxIsReducedWhereTheRowsAreSplit) {
  const std::string rule = "quantize: amax_over_tp must hold exactly where the rows are split over tp";
  const ValueId whole = value({8, 4}, kReplicated), rows = value({8, 4}, split(0)), columns = value({8, 4}, split(1));
  EXPECT_EQ(said(Quantize{.x = {columns}, .amax_over_tp = true}), rule);
  EXPECT_EQ(type_of(Quantize{.x = {columns}}, 1), "f8e4m3[4,8]{tp:0}");
  EXPECT_EQ(said(Quantize{.x = {rows}, .amax_over_tp = false}), rule);
  EXPECT_EQ(said(Quantize{.x = {whole}, .amax_over_tp = true}), rule);
  const Quantize right{.x = {rows}, .dtype = DType::f8e5m2, .amax_over_tp = true};
  EXPECT_EQ(type_of(right), "f8e5m2[8,4]{tp:0}");
  EXPECT_EQ(type_of(right, 1), "f8e5m2[4,8]{tp:1}");
  EXPECT_EQ(type_of(right, 2), "f32[1]");
}

TEST_F(Infers, AGradientIsAddedToAMainGradientThatLiesAsItDoes) {
  const ValueId dw = value({6, 4}, kPartial);
  EXPECT_EQ(said(Accumulate{.dw = {dw}, .main_grad = {main_grad({6, 4}, kReplicated)}}),
            "accumulate: bf16[6,4]{tp:partial} lies otherwise than the main gradient bf16[6,4]");
  EXPECT_EQ(said(Accumulate{.dw = {dw}, .main_grad = {main_grad({4, 6}, kPartial)}}),
            "accumulate: bf16[6,4]{tp:partial} does not fit bf16[4,6]{tp:partial}");
  EXPECT_EQ(said(Accumulate{.dw = {dw}, .main_grad = {value({6, 4}, kPartial)}}),
            "accumulate: the target is no main gradient");
  EXPECT_EQ(said(Accumulate{.dw = {dw}, .main_grad = {main_grad({6, 4}, kPartial)}}), "");
}

TEST_F(Infers, AddsOnlyWhatLiesAlike) {
  EXPECT_EQ(said(Add{.a = {value({8, 4}, kReplicated)}, .b = {value({8, 4}, kPartial)}}),
            "add: operands differ: bf16[8,4] and bf16[8,4]{tp:partial}");
}

TEST_F(Infers, AVocabularyParallelLookUpIsASumAndItsLossIsWhole) {
  const ValueId tokens = value({8}, kReplicated, DType::i64), table = value({50, 4}, split(0));
  EXPECT_EQ(type_of(Embedding{.tokens = {tokens}, .weight = {table}}), "bf16[8,4]{tp:partial}");
  EXPECT_EQ(type_of(EmbeddingBackward{.dout = {value({8, 4}, kReplicated)}, .tokens = {tokens}, .weight = {table}}),
            "bf16[50,4]{tp:0}");
  const CrossEntropy loss{.logits = {value({8, 50}, split(1))}, .targets = {tokens}};
  EXPECT_EQ(type_of(loss, 0), "f32[1]");
  EXPECT_EQ(type_of(loss, 1), "f32[8]");
}

TEST_F(Infers, HeadsMustFitThePackedWidth) {
  const Heads heads{.heads = 4, .kv_heads = 2, .head_dim = 8};  // (4 + 2 * 2) * 8 = 64
  EXPECT_EQ(said(Rope{.qkv = {value({8, 60}, split(1))}, .heads = heads}),
            "rope: the packed q|k|v is not as wide as the heads: bf16[8,60]{tp:1}");
  const ValueId qkv = value({8, 64}, split(1));
  EXPECT_EQ(said(Attention{.qkv = {qkv}, .heads = heads, .batch = 2, .seq = 8}),
            "attention: batch x seq is not the number of tokens");
  EXPECT_EQ(type_of(Attention{.qkv = {qkv}, .heads = heads, .batch = 1, .seq = 8}), "bf16[8,32]{tp:1}");
}

TEST_F(Infers, AnAxisOfOneRankHoldsEverything) {
  program_.mesh.size[Axis::tp] = 1;
  const ValueId a = value({8, 4}, kReplicated);
  EXPECT_EQ(type_of(Matmul{.a = {a}, .b = {value({6, 4}, kReplicated)}}), "bf16[8,6]");
}

}  // namespace
}  // namespace perfbench
