// Sums and maxima over the threads of one block. The order is fixed: equal inputs give equal bits.
#pragma once

#include <cstdint>

#include "engine/kernels/device.cuh"

namespace perfbench {

inline constexpr int kWarp = 32;
inline constexpr int kMostWarps = 32;
inline constexpr unsigned kAllLanes = 0xffffffffU;

struct Sum {
  template <class T>
  __device__ T operator()(T a, T b) const {
    return a + b;
  }
};
struct Max {
  template <class T>
  __device__ T operator()(T a, T b) const {
    return a > b ? a : b;
  }
};
struct Min {
  template <class T>
  __device__ T operator()(T a, T b) const {
    return a < b ? a : b;
  }
};

template <class Operation, class T>
__device__ inline T reduce_warp(T value, Operation operation) {
#pragma unroll
  for (int distance = kWarp / 2; distance > 0; distance /= 2) {
    value = operation(value, __shfl_xor_sync(kAllLanes, value, distance));
  }
  return value;
}

// Each of the kCount values over all threads; every thread of the block takes part and has the results.
template <class Operation, int kCount, class T>
__device__ inline void reduce_block(T (&values)[kCount], Operation operation) {
  __shared__ Shared<T, kCount * kMostWarps> of_warps;
  const int lane = static_cast<int>(threadIdx.x) % kWarp, warp = static_cast<int>(threadIdx.x) / kWarp;
  const int warps = static_cast<int>(blockDim.x) / kWarp;
#pragma unroll
  for (int v = 0; v < kCount; ++v) {
    values[v] = reduce_warp(values[v], operation);
    if (lane == 0) of_warps[v * kMostWarps + warp] = values[v];
  }
  __syncthreads();
#pragma unroll
  for (int v = 0; v < kCount; ++v) {
    values[v] = of_warps[v * kMostWarps];
    for (int w = 1; w < warps; ++w) values[v] = operation(values[v], static_cast<T>(of_warps[v * kMostWarps + w]));
  }
  __syncthreads();  // before the memory is used again
}

template <class Operation, class T>
__device__ inline T reduce_block(T value, Operation operation) {
  T values[1] = {value};
  reduce_block(values, operation);
  return values[0];
}

}  // namespace perfbench
