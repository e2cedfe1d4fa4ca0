// Widths and numbers of rows that the table of op cases does not hold: packs of 16 bytes and single elements, rows
// wider than a block holds in registers, fewer and more rows than blocks.
#include <gtest/gtest.h>

#include <vector>

#include "emulation/fused_fixture.h"
#include "program/passes.h"

namespace perfbench {
namespace {

constexpr DType kDTypes[] = {DType::f32, DType::bf16};

ValueId rms_norm(Builder& b, ValueId x, ValueId residual, std::int64_t width) {
  RmsNorm op{.x = {x}, .residual = {residual}, .weight = {replicated(b, "w", {width})}};
  op = b.emit(op, {residual == kNoValue ? nullptr : "sum", "y", "rstd"});
  return residual == kNoValue ? op.y.id : b.emit(Add{.a = {op.y.id}, .b = {op.sum.id}}, {"out"}).out.id;
}

ValueId layer_norm(Builder& b, ValueId x, ValueId residual, std::int64_t width) {
  LayerNorm op{.x = {x}, .residual = {residual}, .weight = {replicated(b, "w", {width})}};
  op.bias = {replicated(b, "bias", {width})};
  op.weight_offset = 1.0;
  op = b.emit(op, {residual == kNoValue ? nullptr : "sum", "y", "mean", "rstd"});
  return residual == kNoValue ? op.y.id : b.emit(Add{.a = {op.y.id}, .b = {op.sum.id}}, {"out"}).out.id;
}

std::vector<OpCase> norms(DType dtype) {
  std::vector<OpCase> cases;
  struct Size {
    std::int64_t rows, width;
  };
  // The third is one pack more than 512 threads hold, and the fourth three elements more; there are four blocks.
  for (const auto& [rows, width] : {Size{1, 8}, Size{37, 72}, Size{5, 16392}, Size{5, 2051}}) {
    for (const bool with_residual : {false, true}) {
      if (width > 10000 && !with_residual) continue;  // the sum is what is read again
      for (const bool centered : {false, true}) {
        const std::string name = std::string(centered ? "layer_norm" : "rms_norm") +
                                 (with_residual ? "_residual_" : "_") + std::to_string(rows) + "x" +
                                 std::to_string(width);
        cases.push_back(case_of(name, dtype, {rows, width}, [=](Builder& b, Program&, ValueId x) {
          const ValueId residual =
              with_residual ? b.emit(AddBias{.x = {x}, .bias = {replicated(b, "r", {width})}}, {"r"}).out.id : kNoValue;
          return centered ? layer_norm(b, x, residual, width) : rms_norm(b, x, residual, width);
        }));
      }
    }
  }
  return cases;
}

std::vector<OpCase> elementwise(DType dtype) {
  std::vector<OpCase> cases;
  for (const std::int64_t width : {1, 8, 517, 4104}) {
    cases.push_back(case_of("swiglu_" + std::to_string(width), dtype, {3, 2 * width},
                            [](Builder& b, Program&, ValueId x) { return b.emit(SwiGlu{.x = {x}}, {"y"}).y.id; }));
    for (const Activation activation : {Activation::silu, Activation::gelu, Activation::gelu_tanh, Activation::relu2}) {
      const std::string name = "activation" + std::to_string(static_cast<int>(activation)) + "_";
      cases.push_back(case_of(name + std::to_string(width), dtype, {3, width}, [=](Builder& b, Program&, ValueId x) {
        return b.emit(Activate{.x = {x}, .activation = activation}, {"y"}).y.id;
      }));
    }
  }
  return cases;
}

// Strips of 16 tokens, warps of 64 or 32 columns, blocks of 8 warps: whole ones, parts, more than one block.
std::vector<OpCase> adapter_gradients() {
  std::vector<OpCase> cases;
  struct Size {
    std::int64_t tokens, columns, rank;
  };
  for (const auto& [tokens, columns, rank] :
       {Size{37, 72, 8}, Size{16, 32, 16}, Size{21, 520, 16}, Size{5, 8, 32}, Size{33, 264, 64}}) {
    const std::string name =
        "adapter_" + std::to_string(tokens) + "x" + std::to_string(columns) + "_" + std::to_string(rank);
    cases.push_back(case_of(name, DType::bf16, {tokens, columns + 24}, [=](Builder& b, Program&, ValueId x) {
      const ValueId h = b.emit(Matmul{.a = {x}, .b = {replicated(b, "a", {2 * rank, columns + 24})}}, {"h"}).out.id;
      AdapterUp op{.base = {x}, .h = {h}, .b = {replicated(b, "b", {columns + 8, rank})}, .scale = 0.25};
      op.columns = {{{columns, true}, {16, false}, {8, true}}};
      return b.emit(op, {"out"}).out.id;
    }));
    fuse_adapter_gradients(cases.back().program);
  }
  return cases;
}

std::vector<OpCase> heads(DType dtype) {
  std::vector<OpCase> cases;
  struct Variant {
    const char* name;
    Heads heads;
    std::int64_t rotary_dim;
  };
  for (const Variant& v : {Variant{"128", {4, 2, 128}, 128}, Variant{"half_of_128", {4, 2, 128}, 64},
                           Variant{"96", {12, 12, 96}, 96}, Variant{"odd", {3, 1, 100}, 62}}) {
    const std::int64_t width = v.heads.packed_width();
    cases.push_back(case_of(std::string("rope_") + v.name, dtype, {3, width}, [=](Builder& b, Program&, ValueId x) {
      Rope op{.qkv = {x}, .positions = {b.data(Datum::position, {3})}, .heads = v.heads, .theta = 10000.0};
      op.rotary_dim = v.rotary_dim;
      return b.emit(op, {"out"}).out.id;
    }));
  }
  for (const Heads& h : {Heads{4, 2, 128}, Heads{3, 1, 256}, Heads{5, 1, 100}, Heads{2, 2, 64}}) {
    const std::string name = "qk_norm_" + std::to_string(h.head_dim);
    cases.push_back(case_of(name, dtype, {33, h.packed_width()}, [=](Builder& b, Program&, ValueId x) {
      QkNorm op{.qkv = {x}, .heads = h};
      op.q_weight = {replicated(b, "q", {h.head_dim})};
      op.k_weight = {replicated(b, "k", {h.head_dim})};
      return b.emit(op, {"out", "rstd"}).out.id;
    }));
  }
  return cases;
}

std::vector<OpCase> cross_entropies(DType dtype) {
  std::vector<OpCase> cases;
  struct Variant {
    std::int64_t rows, columns, vocab;
  };
  // Padding that starts inside a pack, at one, and none; odd widths; more rows than the loss has threads.
  for (const Variant& v :
       {Variant{3, 16456, 16421}, Variant{2, 64, 48}, Variant{5, 64, 64}, Variant{5, 1003, 999}, Variant{1030, 8, 7}}) {
    const std::string name = "cross_entropy_" + std::to_string(v.rows) + "x" + std::to_string(v.vocab);
    cases.push_back(case_of(name, dtype, {v.rows, v.columns}, [=](Builder& b, Program& p, ValueId x) {
      const ValueId targets = b.data(Datum::target, {v.rows}), weight = b.data(Datum::loss_weight, {1});
      CrossEntropy op{.logits = {x}, .targets = {targets}, .weight = {weight}};
      op.vocab = v.vocab;
      p.loss = b.emit(op, {"loss", "lse"}).loss.id;
      return kNoValue;
    }));
  }
  return cases;
}

std::vector<OpCase> shapes() {
  std::vector<OpCase> cases = adapter_gradients();
  for (const DType dtype : kDTypes) {
    for (const auto& part : {norms(dtype), elementwise(dtype), heads(dtype), cross_entropies(dtype)}) {
      cases.insert(cases.end(), part.begin(), part.end());
    }
  }
  return cases;
}

class FusedShapes : public testing::TestWithParam<OpCase> {};

TEST_P(FusedShapes, AgreeWithAutograd) { expect_kernels_like_autograd(GetParam()); }

INSTANTIATE_TEST_SUITE_P(, FusedShapes, testing::ValuesIn(shapes()), [](const auto& one) { return one.param.name; });

}  // namespace
}  // namespace perfbench
