// The gradient of a linear's weight, added where it is summed.
#pragma once

#include <ATen/core/Tensor.h>

namespace perfbench {

// sum (N, K) += dy^T x of dy (M, N) and x (M, K). Nothing is rounded between the product and the sum where the sum is
// float32.
void add_weight_grad(const at::Tensor& sum, const at::Tensor& dy, const at::Tensor& x);

}  // namespace perfbench
