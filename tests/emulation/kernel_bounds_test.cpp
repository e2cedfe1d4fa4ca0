// Launchers with addresses that are no multiple of 16 bytes: the same numbers, element by element, and nothing written
// beside the output.
#include <gtest/gtest.h>

#include <bit>
#include <cstring>
#include <vector>

#include "engine/kernels/kernels.h"

namespace perfbench {
namespace {

constexpr float kGuard = -77.0F;
constexpr std::size_t kGuards = 64;

// `count` floats between guards, `shift` of them behind a multiple of 16 bytes.
class Guarded {
 public:
  Guarded(std::int64_t count, int shift)
      : count_(static_cast<std::size_t>(count)), all_(count_ + 2 * kGuards + 4, kGuard) {
    const auto start = std::bit_cast<std::uintptr_t>(all_.data() + kGuards);
    first_ = kGuards + (16 - start % 16) % 16 / sizeof(float) + static_cast<std::size_t>(shift);
  }
  float* data() { return all_.data() + first_; }
  std::vector<float> values() const {
    return {all_.begin() + static_cast<std::ptrdiff_t>(first_),
            all_.begin() + static_cast<std::ptrdiff_t>(first_ + count_)};
  }
  bool is_whole() const {
    for (std::size_t i = 0; i < all_.size(); ++i) {
      if ((i < first_ || i >= first_ + count_) && all_[i] != kGuard) return false;
    }
    return true;
  }
  // Some numbers, others for other seeds.
  Guarded& fill(int seed) {
    for (std::size_t i = 0; i < count_; ++i) {
      data()[i] = static_cast<float>((static_cast<int>(i) * 37 + seed * 11) % 101 - 50) / 17.0F;
    }
    return *this;
  }

 private:
  std::size_t count_, first_ = 0;
  std::vector<float> all_;
};

constexpr std::int64_t kRows = 3, kWidth = 24;

std::vector<float> swiglu(int shift) {
  Guarded x(kRows * 2 * kWidth, shift), y(kRows * kWidth, shift);
  SwiGluCall call{.dtype = DType::f32, .rows = kRows, .width = kWidth, .x = x.fill(1).data(), .y = y.data()};
  EXPECT_EQ(perfbench_swiglu(&call, nullptr), 0);
  EXPECT_TRUE(y.is_whole());
  return y.values();
}

std::vector<float> swiglu_backward(int shift) {
  Guarded x(kRows * 2 * kWidth, shift), dy(kRows * kWidth, shift), dx(kRows * 2 * kWidth, shift);
  SwiGluBackwardCall call{.dtype = DType::f32, .rows = kRows, .width = kWidth};
  call.dy = dy.fill(2).data();
  call.x = x.fill(1).data();
  call.dx = dx.data();
  EXPECT_EQ(perfbench_swiglu_backward(&call, nullptr), 0);
  EXPECT_TRUE(dx.is_whole());
  return dx.values();
}

std::vector<float> activation(int shift) {
  Guarded x(kRows * kWidth, shift), y(kRows * kWidth, shift);
  ActivateCall call{.dtype = DType::f32, .activation = ActivationKernel::gelu, .elements = kRows * kWidth};
  call.x = x.fill(4).data();
  call.out = y.data();
  EXPECT_EQ(perfbench_activate(&call, nullptr), 0);
  EXPECT_TRUE(y.is_whole());
  return y.values();
}

std::vector<float> rope(int shift) {
  Guarded x(kRows * kWidth, shift), out(kRows * kWidth, shift), cos(8 * 4, shift), sin(8 * 4, shift);
  const std::int64_t positions[kRows] = {7, 0, 3};
  RopeCall call{.dtype = DType::f32, .tokens = kRows, .heads = 1, .kv_heads = 1, .head_dim = 8, .rotary_dim = 8};
  call.qkv = x.fill(3).data();
  call.positions = positions;
  call.cos = cos.fill(5).data();
  call.sin = sin.fill(6).data();
  call.out = out.data();
  EXPECT_EQ(perfbench_rope(&call, nullptr), 0);
  EXPECT_TRUE(out.is_whole());
  return out.values();
}

std::vector<float> cross_entropy_backward(int shift) {
  Guarded logits(kRows * kWidth, shift), out(kRows * kWidth, shift), lse(kRows, 0);
  const std::int64_t targets[kRows] = {4, -100, 29};
  const float weight = 0.5F;
  CrossEntropyBackwardCall call{.dtype = DType::f32, .rows = kRows, .columns = kWidth, .real_columns = 21};
  call.first_column = 2;
  call.logits = logits.fill(7).data();
  call.targets = targets;
  call.weight = &weight;
  call.lse = lse.fill(8).data();
  call.dlogits = out.data();
  EXPECT_EQ(perfbench_cross_entropy_backward(&call, nullptr), 0);
  EXPECT_TRUE(out.is_whole());
  return out.values();
}

std::vector<float> norm(int shift, bool centered) {
  Guarded x(kRows * kWidth, shift), weight(kWidth, shift), bias(kWidth, shift), y(kRows * kWidth, shift);
  Guarded mean(kRows, 0), rstd(kRows, 0);
  NormCall call{.dtype = DType::f32, .centered = centered, .rows = kRows, .width = kWidth};
  call.x = x.fill(1).data();
  call.weight = weight.fill(2).data();
  call.bias = centered ? bias.fill(3).data() : nullptr;
  call.y = y.data();
  call.mean = mean.data();
  call.rstd = rstd.data();
  call.eps = 1e-5F;
  EXPECT_EQ(perfbench_norm(&call, nullptr), 0);
  EXPECT_TRUE(y.is_whole() && rstd.is_whole() && mean.is_whole());
  return y.values();
}

void expect_near(const std::vector<float>& a, const std::vector<float>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i) EXPECT_NEAR(a[i], b[i], 1e-5F) << i;
}

TEST(KernelBounds, AddressesThatAreNotAligned) {
  for (const int shift : {1, 2, 3}) {
    EXPECT_EQ(swiglu(0), swiglu(shift));
    EXPECT_EQ(swiglu_backward(0), swiglu_backward(shift));
    EXPECT_EQ(activation(0), activation(shift));
    EXPECT_EQ(rope(0), rope(shift));
    EXPECT_EQ(cross_entropy_backward(0), cross_entropy_backward(shift));
    expect_near(norm(0, false), norm(shift, false));  // sums run in another order
    expect_near(norm(0, true), norm(shift, true));
  }
}

TEST(KernelBounds, HeadsThatAreTooWideAreRefused) {
  QkNormBackwardCall call{.dtype = DType::f32, .tokens = 1, .heads = 1, .kv_heads = 1, .head_dim = kMostQkNormDim + 1};
  EXPECT_NE(perfbench_qk_norm_backward(&call, nullptr), 0);
  EXPECT_STRNE(perfbench_kernel_error(1), "");
}

}  // namespace
}  // namespace perfbench
