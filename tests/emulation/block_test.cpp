// The emulation itself: it runs kernels rightly, and each fault that it is there for shows.
#include "emulation/block.h"

#include <gmock/gmock.h>

#include <stdexcept>
#include <vector>

#include "engine/kernels/device.cuh"
#include "engine/kernels/reduce.cuh"

namespace perfbench {
namespace {

using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

constexpr int kThreads = 64;

int id() { return static_cast<int>(threadIdx.x); }

void sum_kernel(const float* x, float* sums) {
  float own[2] = {x[id()], -x[id()]};
  reduce_block(own, Sum{});
  sums[static_cast<int>(blockIdx.x) * kThreads + id()] = own[0] - own[1];
}

void neighbour_kernel(float* out, bool with_barrier) {
  __shared__ Shared<float, kThreads> values;
  values[id()] = static_cast<float>(id());
  if (with_barrier) __syncthreads();
  out[id()] = values[(id() + 1) % kThreads];
}

void overwrite_kernel(float* out) {
  __shared__ Shared<float, kThreads> values;
  values[id()] = static_cast<float>(id());
  __syncthreads();
  out[id()] = values[(id() + 1) % kThreads];
  values[id()] = 0.0F;  // the neighbour may not have read it yet
}

void unwritten_kernel(float* out, bool writes) {
  __shared__ Shared<float, kThreads> values;
  if (writes) values[id()] = 1.0F;
  out[id()] = values[id()];
}

void outside_kernel(float*) {
  __shared__ Shared<float, kThreads> values;
  values[id() + 1] = 0.0F;
}

void early_end_kernel(float*) {
  if (id() == 5) return;
  __syncthreads();
}

void two_places_kernel(float*) {
  if (id() == 5) {
    __syncthreads();
  } else {
    __syncthreads();
  }
}

void half_a_warp_kernel(float* out) {
  if (id() < 16) out[id()] = __shfl_xor_sync(kAllLanes, 1.0F, 1);
}

class Emulation : public testing::TestWithParam<emulation::Order> {
 protected:
  Emulation() : x_(kThreads), out_(2 * kThreads) { emulation::set_order(GetParam()); }
  ~Emulation() override { emulation::set_order(emulation::Order::ascending); }

  template <class Kernel, class... Arguments>
  auto launching(Kernel kernel, Arguments... arguments) {
    return [=, this] { launch(Grid{1, kThreads, nullptr}, kernel, arguments...); };
  }
  auto fault(const char* text) { return ThrowsMessage<std::logic_error>(HasSubstr(text)); }

  std::vector<float> x_, out_;
};

TEST_P(Emulation, SumsOverABlock) {
  float total = 0.0F;
  for (int i = 0; i < kThreads; ++i) total += x_[static_cast<std::size_t>(i)] = static_cast<float>(i * i);
  const std::int64_t before = emulation::launches();
  EXPECT_EQ(launch(Grid{2, kThreads, nullptr}, sum_kernel, x_.data(), out_.data()), 0);
  EXPECT_EQ(emulation::launches(), before + 1);
  EXPECT_THAT(out_, testing::Each(2.0F * total));
}

TEST_P(Emulation, SharedMemoryIsSeenBehindABarrierOnly) {
  launching(neighbour_kernel, out_.data(), true)();
  for (int i = 0; i < kThreads; ++i)
    EXPECT_EQ(out_[static_cast<std::size_t>(i)], static_cast<float>((i + 1) % kThreads));
  EXPECT_THAT(launching(neighbour_kernel, out_.data(), false),
              ThrowsMessage<std::logic_error>(HasSubstr("shared memory")));
  EXPECT_THAT(launching(overwrite_kernel, out_.data()), fault("shared memory that"));
}

TEST_P(Emulation, SharedMemoryIsNewInEveryBlock) {
  launching(unwritten_kernel, out_.data(), true)();
  EXPECT_THAT(launching(unwritten_kernel, out_.data(), false), fault("nobody has written"));
}

TEST_P(Emulation, SharedMemoryHasItsSize) {
  EXPECT_THAT(launching(outside_kernel, out_.data()), fault("element 64 of shared memory of 64"));
}

TEST_P(Emulation, BarriersAreForAll) {
  EXPECT_THAT(launching(early_end_kernel, out_.data()), fault("among the 1 that have ended"));
  EXPECT_THAT(launching(two_places_kernel, out_.data()), fault("wait elsewhere"));
  EXPECT_THAT(launching(half_a_warp_kernel, out_.data()), fault("among the 48 that have ended"));
  EXPECT_NO_THROW(launching(neighbour_kernel, out_.data(), true)());  // what was left behind does not matter
}

TEST_P(Emulation, GridsThatCudaRefuses) {
  EXPECT_EQ(launch(Grid{1, 1056, nullptr}, sum_kernel, x_.data(), out_.data()), 9);
  EXPECT_EQ(launch(Grid{std::int64_t{1} << 31, 32, nullptr}, sum_kernel, x_.data(), out_.data()), 9);
}

INSTANTIATE_TEST_SUITE_P(, Emulation, testing::Values(emulation::Order::ascending, emulation::Order::descending),
                         [](const auto& one) {
                           return one.param == emulation::Order::ascending ? "ascending" : "descending";
                         });

}  // namespace
}  // namespace perfbench
