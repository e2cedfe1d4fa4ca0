// Time of matrix products and of the quantisation before them, as fitted to measured kernels.
#pragma once

#include "base/dtype.h"
#include "cost/hardware.h"
#include "cost/kernel_constants.h"

namespace perfbench {

// `batch` products of C (m, n) = A (m, k) B (k, n) in one kernel: experts, say. C is of 2 bytes (4 for f32).
struct GemmShape {
  double m = 0.0, n = 0.0, k = 0.0;
  DType dtype = DType::bf16;  // of A and B; f32 runs as TF32, at half the BF16 peak on every system here
  double batch = 1.0;
  bool operator==(const GemmShape&) const = default;
};

// launch + max(FLOPs / (peak x efficiency), bytes / bandwidth). The efficiency is a product of m / (m + half_m) and its
// like for n and k, and of the loss to lower clocks in a long kernel. 0 for an empty product. Measured forward shapes
// with m, n, k of 512 and more; smaller ones are an extension of the curve.
double gemm_time_s(const KernelConstants& constants, const Hardware& hardware, const GemmShape& shape);

// The amax of a tensor and its cast to FP8, in one layout or in both (plain and transposed). Two layouts are not
// measured: they cost 6 bytes of traffic where one costs 5 (two reads of 2 bytes, one write each).
double quantize_time_s(const KernelConstants& constants, const Hardware& hardware, double elements, int layouts = 1);

}  // namespace perfbench
