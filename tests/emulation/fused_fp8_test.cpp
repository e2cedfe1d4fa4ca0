// Casts to FP8 by own kernels: every number is LibTorch's, bit by bit.
#include <ATen/ops/abs.h>
#include <ATen/ops/amax.h>
#include <ATen/ops/clamp.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include <cmath>

#include "emulation/fused_fixture.h"
#include "emulation/lone_frame.h"

namespace perfbench {
namespace {

struct Quantized {
  at::Tensor q, q_t, scale;
};

Quantized quantize(const at::Tensor& x, DType dtype, DType format, bool copy, bool transposed) {
  const Poisoned poisoned;
  Program program;
  const Policy policy{.dtype = dtype};
  Builder build(program, policy);
  program.input = build.boundary("x", {x.size(0), x.size(1)});
  const Quantize op = build.emit(Quantize{.x = {program.input}, .dtype = format},
                                 {copy ? "q" : nullptr, transposed ? "q_t" : nullptr, "scale"});
  LoneFrame one(program, policy, lone_rank(at::kCPU));
  one.frame.hold(program.input, x);
  const std::int64_t before = emulation::launches();
  run(op, one.frame);
  EXPECT_EQ(emulation::launches(), before + 3) << "amax, its end, and the cast";
  return {.q = copy ? one.frame[op.q.id] : at::Tensor(),
          .q_t = transposed ? one.frame[op.q_t.id] : at::Tensor(),
          .scale = one.frame[op.scale.id]};
}

at::Tensor by_torch(const at::Tensor& x, const at::Tensor& scale, DType format) {
  const double largest = format == DType::f8e5m2 ? 57344.0 : 448.0;
  return at::clamp(x.to(at::kFloat) / scale, -largest, largest).to(scalar_type(format));
}

bool same_bits(const at::Tensor& a, const at::Tensor& b) {
  return a.sizes() == b.sizes() && a.view(at::kByte).equal(b.contiguous().view(at::kByte));
}

struct Size {
  std::int64_t rows, columns;
};

TEST(FusedFp8, EveryNumberIsTorchs) {
  at::manual_seed(5);
  for (const auto& [rows, columns] : {Size{8, 8}, Size{7, 33}, Size{136, 264}, Size{16, 4}, Size{1, 1}, Size{12, 40}}) {
    for (const DType dtype : {DType::f32, DType::bf16}) {
      for (const DType format : {DType::f8e4m3, DType::f8e5m2}) {
        const at::Tensor x = (at::randn({rows, columns}) * 3.0).to(scalar_type(dtype));
        const double largest = format == DType::f8e5m2 ? 57344.0 : 448.0;
        const at::Tensor scale = at::amax(at::abs(x)).to(at::kFloat).reshape({1}) / largest;
        const at::Tensor expected = by_torch(x, scale, format);
        SCOPED_TRACE(std::to_string(rows) + "x" + std::to_string(columns) + " " + std::string(name(dtype)) + " to " +
                     std::string(name(format)));
        const Quantized both = quantize(x, dtype, format, true, true);
        EXPECT_TRUE(both.scale.equal(scale));
        EXPECT_TRUE(same_bits(both.q, expected));
        EXPECT_TRUE(same_bits(both.q_t, expected.t()));
        EXPECT_TRUE(same_bits(quantize(x, dtype, format, true, false).q, expected));
        EXPECT_TRUE(same_bits(quantize(x, dtype, format, false, true).q_t, expected.t()));
      }
    }
  }
}

TEST(FusedFp8, ZerosHaveScaleOneAndNansStay) {
  const at::Tensor zeros = at::zeros({16, 16}, at::TensorOptions().dtype(at::kBFloat16));
  const Quantized none = quantize(zeros, DType::bf16, DType::f8e4m3, true, true);
  EXPECT_EQ(none.scale.item<float>(), 1.0F);
  EXPECT_TRUE(none.q.to(at::kFloat).eq(0.0).all().item<bool>());
  at::Tensor broken = zeros.clone();
  broken[3][4] = NAN;
  const at::Tensor q = quantize(broken, DType::bf16, DType::f8e4m3, true, true).q.to(at::kFloat);
  EXPECT_TRUE(q[3][4].isnan().item<bool>());
  EXPECT_EQ(q.isnan().sum().item<int>(), 1);
}

// More blocks than threads of the last step, so that its loop runs.
TEST(FusedFp8, TheAmaxOfManyBlocks) {
  at::Tensor x = at::zeros({16384, 16}, at::TensorOptions().dtype(at::kBFloat16));
  for (const std::int64_t row : {0, 9000, 16383}) {
    x.zero_();
    x[row][15] = -448.0;
    EXPECT_EQ(quantize(x, DType::bf16, DType::f8e4m3, true, false).scale.item<float>(), 1.0F) << row;
  }
}

}  // namespace
}  // namespace perfbench
