#include "cost/gemm_time.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "unit/cost/measured_systems.h"
#include "unit/cost/simple_constants.h"

namespace perfbench {
namespace {

const Hardware kHardware = simple_hardware();

TEST(GemmTime, ComputeBoundIsLaunchPlusFlopsOverRate) {
  // 2 x 1000^3 FLOPs at half of 1000 TFLOP/s are 4 us; bytes need 3 us.
  EXPECT_NEAR(gemm_time_s(simple_constants(), kHardware, {.m = 1000, .n = 1000, .k = 1000}), 5e-6, 1e-12);
}

TEST(GemmTime, ThinProductsAreBoundByMemory) {
  // 2 bytes x (1000 x 10 + 1 x 10 + 1000 x 1) at 2 TB/s.
  const double seconds = gemm_time_s(simple_constants(), kHardware, {.m = 1000, .n = 1, .k = 10});
  EXPECT_NEAR(seconds - 1e-6, 2.0 * 11010 / 2e12, 1e-15);
}

TEST(GemmTime, EachTypeHasThePeakOfTheDataSheet) {
  const KernelConstants c = simple_constants();
  const auto kernel_s = [&](DType dtype) {
    return gemm_time_s(c, kHardware, {.m = 8192, .n = 8192, .k = 8192, .dtype = dtype}) - 1e-6;
  };
  EXPECT_NEAR(kernel_s(DType::bf16) / kernel_s(DType::f8e4m3), 2.0, 1e-9);
  EXPECT_NEAR(kernel_s(DType::f32) / kernel_s(DType::bf16), 10.0, 1e-9);
}

TEST(GemmTime, AnUnknownPeakIsUnsupported) {
  Hardware hardware = kHardware;
  hardware.f32_flops_per_s.reset();
  const GemmShape shape{.m = 8, .n = 8, .k = 8, .dtype = DType::f32};
  EXPECT_THROW(gemm_time_s(simple_constants(), hardware, shape), Unsupported);
}

TEST(GemmTime, HalfSizesHalveTheRate) {
  KernelConstants c = simple_constants();
  const GemmShape shape{.m = 4096, .n = 4096, .k = 4096};
  const double full_s = gemm_time_s(c, kHardware, shape) - 1e-6;
  c.gemm_bf16.half_k = 4096;
  EXPECT_NEAR(gemm_time_s(c, kHardware, shape) - 1e-6, 2.0 * full_s, 1e-12);
}

TEST(GemmTime, LongProductsLoseTheSustainedDrop) {
  KernelConstants c = simple_constants();
  c.gemm_bf16.sustained_drop = 0.2;
  c.gemm_bf16.sustained_flops = 2e12;  // 2 x 10^12 FLOPs show half of the loss: a rate of 0.9
  const double seconds = gemm_time_s(c, kHardware, {.m = 1e4, .n = 1e4, .k = 1e4});
  EXPECT_NEAR(seconds - 1e-6, 2e12 / (0.5e15 * 0.9), 1e-12);
}

TEST(GemmTime, BatchedProductsAreLaunchedOnce) {
  const double seconds = gemm_time_s(simple_constants(), kHardware, {.m = 1000, .n = 1000, .k = 1000, .batch = 8});
  EXPECT_NEAR(seconds, 1e-6 + 8 * 4e-6, 1e-12);
}

TEST(GemmTime, AnEmptyProductTakesNoTime) {
  EXPECT_EQ(gemm_time_s(simple_constants(), kHardware, {.m = 0, .n = 8, .k = 8}), 0.0);
}

TEST(GemmTime, ADtypeWithoutAKnownPeakIsUnsupported) {
  Hardware no_fp8 = kHardware;
  no_fp8.fp8_flops_per_s.reset();
  const GemmShape shape{.m = 8, .n = 8, .k = 8, .dtype = DType::f8e4m3};
  EXPECT_THROW(gemm_time_s(simple_constants(), no_fp8, shape), Unsupported);
}

TEST(GemmTime, GrowsWithEverySizeOnEverySystem) {
  for (const char* system : {"h100", "h200", "b200", "gb200", "gb300", "default"}) {
    const KernelConstants c = carried_constants(system);
    for (const DType dtype : {DType::bf16, DType::f8e4m3}) {
      for (double size = 64; size < 65536; size *= 2) {
        const auto seconds = [&](double m, double n, double k) {
          return gemm_time_s(c, h100_hardware(), {.m = m, .n = n, .k = k, .dtype = dtype});
        };
        EXPECT_LT(seconds(size, 4096, 4096), seconds(2 * size, 4096, 4096)) << system << " m " << size;
        EXPECT_LT(seconds(4096, size, 4096), seconds(4096, 2 * size, 4096)) << system << " n " << size;
        EXPECT_LT(seconds(4096, 4096, size), seconds(4096, 4096, 2 * size)) << system << " k " << size;
      }
    }
  }
}

TEST(GemmTime, AVastSquareApproachesTheSustainedPeak) {
  const KernelConstants c = carried_constants("h100");
  const double size = 1e6;
  const double rate = 2 * size * size * size / gemm_time_s(c, h100_hardware(), {.m = size, .n = size, .k = size});
  EXPECT_NEAR(rate / (989e12 * c.gemm_bf16.peak_share * (1 - c.gemm_bf16.sustained_drop)), 1.0, 1e-3);
}

// Times of shapes of a 70B model on one H100, from the data that the constants name as their source.
TEST(GemmTime, MeetsMeasuredTimesOnH100) {
  const KernelConstants c = carried_constants("h100");
  const Hardware h100 = h100_hardware();
  EXPECT_NEAR(gemm_time_s(c, h100, {.m = 8192, .n = 2560, .k = 8192}) / 422.4e-6, 1.0, 0.05);
  EXPECT_NEAR(gemm_time_s(c, h100, {.m = 8192, .n = 7168, .k = 8192}) / 1173e-6, 1.0, 0.05);
  const GemmShape fp8{.m = 8192, .n = 12288, .k = 8192, .dtype = DType::f8e4m3};
  const double with_quantize_s = gemm_time_s(c, h100, fp8) + quantize_time_s(c, h100, fp8.m * fp8.k);
  EXPECT_NEAR(with_quantize_s / 1249.5e-6, 1.0, 0.05);
}

TEST(QuantizeTime, IsLaunchPlusBytesAndASecondLayoutWritesAgain) {
  // 4e8 elements x 10 bytes at 4 TB/s are 1 ms; 6 bytes of traffic instead of 5 make it 1.2 ms.
  EXPECT_NEAR(quantize_time_s(simple_constants(), kHardware, 4e8), 1e-6 + 1e-3, 1e-12);
  EXPECT_NEAR(quantize_time_s(simple_constants(), kHardware, 4e8, 2), 1e-6 + 1.2e-3, 1e-12);
  EXPECT_EQ(quantize_time_s(simple_constants(), kHardware, 0), 0.0);
}

}  // namespace
}  // namespace perfbench
