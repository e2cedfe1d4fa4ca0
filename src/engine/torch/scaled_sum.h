// A product of FP8 operands that is added to a sum inside the product, which ATen lacks. cuda_scaled_sum.cpp or
// no_cuda_scaled_sum.cpp.
#pragma once

#include <ATen/core/Tensor.h>

namespace perfbench {

// sum (N, K) += scale_a scale_b a b^T of a (N, M) and b (K, M), contiguous FP8; the sum is contiguous float32 or bf16,
// the scales are (1) float32. False: nothing was done; the library has no such product for these types and sizes, or
// there is no CUDA.
bool add_scaled_product(const at::Tensor& sum, const at::Tensor& a, const at::Tensor& b, const at::Tensor& scale_a,
                        const at::Tensor& scale_b);

}  // namespace perfbench
