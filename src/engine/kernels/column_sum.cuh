// Sums over the rows of float32 matrices: the second half of a sum over all rows of a tensor.
#pragma once

#include "engine/kernels/device.cuh"
#include "engine/kernels/reduce.cuh"

namespace perfbench {

inline constexpr int kColumnThreads = 256;

// Where sums go: in rows of `width` that lie `stride` elements apart.
struct SumRows {
  void* out = nullptr;
  std::int64_t width = 0, stride = 0;
};

// Sum c = sum over rows of partials[row, c]: a warp's width of columns a block, rows dealt out to its warps.
template <class T>
__global__ void __launch_bounds__(kColumnThreads)
    column_sum_kernel(const float* partials, std::int64_t rows, std::int64_t width, SumRows to) {
  __shared__ Shared<float, kColumnThreads> sums;
  const int thread = static_cast<int>(threadIdx.x);
  const std::int64_t column = static_cast<std::int64_t>(blockIdx.x) * kWarp + thread % kWarp;
  float total = 0.0F;
  if (column < width) {
    for (std::int64_t row = thread / kWarp; row < rows; row += kColumnThreads / kWarp) {
      total += partials[row * width + column];
    }
  }
  sums[thread] = total;
  __syncthreads();
  if (thread >= kWarp || column >= width) return;
  for (int other = thread + kWarp; other < kColumnThreads; other += kWarp) total += sums[other];
  static_cast<T*>(to.out)[column / to.width * to.stride + column % to.width] = from_float<T>(total);
}

template <class T>
int column_sum(const float* partials, std::int64_t rows, std::int64_t width, const SumRows& to, void* stream) {
  const Grid grid{(width + kWarp - 1) / kWarp, kColumnThreads, stream};
  return launch(grid, column_sum_kernel<T>, partials, rows, width, to);
}
// All sums beside each other.
template <class T>
int column_sum(const float* partials, std::int64_t rows, std::int64_t width, void* out, void* stream) {
  return column_sum<T>(partials, rows, width, SumRows{.out = out, .width = width, .stride = width}, stream);
}

}  // namespace perfbench
