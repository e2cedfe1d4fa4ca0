#include "cost/gemm_time.h"

#include <algorithm>

#include "base/error.h"

namespace perfbench {
namespace {

double saturation(double size, double half_size) { return size / (size + half_size); }

double peak_flops_per_s(const Hardware& hardware, DType dtype) {
  switch (dtype) {
    case DType::f32:
      return known(hardware, &Hardware::f32_flops_per_s);  // PyTorch's default: no TF32
    case DType::bf16:
      return known(hardware, &Hardware::bf16_flops_per_s);
    case DType::f8e4m3:
    case DType::f8e5m2:
      return known(hardware, &Hardware::fp8_flops_per_s);
    case DType::i64:
      break;
  }
  return 0.0;
}

}  // namespace

double gemm_time_s(const KernelConstants& constants, const Hardware& hardware, const GemmShape& shape) {
  const auto [m, n, k, dtype, batch] = shape;
  if (m <= 0.0 || n <= 0.0 || k <= 0.0 || batch <= 0.0) return 0.0;
  const double peak = peak_flops_per_s(hardware, dtype);
  check(peak > 0.0, "a matrix product of a dtype that no hardware has a peak for");
  const GemmConstants& c = size_bytes(dtype) == 1 ? constants.gemm_fp8 : constants.gemm_bf16;

  const double flops = 2.0 * m * n * k * batch;
  const double sustained = 1.0 - c.sustained_drop * saturation(flops, c.sustained_flops);
  const double share =
      c.peak_share * saturation(m, c.half_m) * saturation(n, c.half_n) * saturation(k, c.half_k) * sustained;
  const double out_bytes = dtype == DType::f32 ? 4.0 : 2.0;
  const double bytes = batch * (size_bytes(dtype) * (m * k + n * k) + out_bytes * m * n);
  const double memory_bytes_per_s = known(hardware, &Hardware::memory_bytes_per_s);
  return c.launch_s + std::max(flops / (peak * share), bytes / (memory_bytes_per_s * c.memory_share));
}

double quantize_time_s(const KernelConstants& constants, const Hardware& hardware, double elements, int layouts) {
  if (elements <= 0.0) return 0.0;
  check(layouts == 1 || layouts == 2, "a quantised tensor has one or two layouts");
  const QuantizeConstants& c = constants.quantize;
  const double traffic = (4.0 + layouts) / 5.0;  // relative to one layout
  return c.launch_s + c.bytes_per_element * traffic * elements / known(hardware, &Hardware::memory_bytes_per_s);
}

}  // namespace perfbench
