// What the kernels take from CUDA beyond the language: the launch, shared memory, and numbers of 16 and 8 bits. The one
// header of CUDA that kernels include.
#pragma once

#include <cuda_bf16.h>
#include <cuda_fp8.h>
#include <cuda_runtime.h>

#include <cstdint>

namespace perfbench {

using Bf16 = __nv_bfloat16;

__device__ inline float to_float(float x) { return x; }
__device__ inline float to_float(Bf16 x) { return __bfloat162float(x); }

// To the nearest, ties to even.
template <class T>
__device__ T from_float(float x);
template <>
__device__ inline float from_float<float>(float x) {
  return x;
}
template <>
__device__ inline Bf16 from_float<Bf16>(float x) {
  return __float2bfloat16_rn(x);
}

// Two numbers of 8 bits, the first in the low byte; what is too large becomes the largest number, a NaN stays one.
__device__ inline std::uint16_t to_e4m3(float low, float high) {
  return __nv_cvt_float2_to_fp8x2(make_float2(low, high), __NV_SATFINITE, __NV_E4M3);
}
__device__ inline std::uint16_t to_e5m2(float low, float high) {
  return __nv_cvt_float2_to_fp8x2(make_float2(low, high), __NV_SATFINITE, __NV_E5M2);
}

// Two products in tensor cores, of a whole warp. Lane 4 g + t holds, two numbers of 16 bits a register, the lower
// first: of the left operand (16, 16) rows g, g + 8, g, g + 8 at columns 2 t, 2 t, 2 t + 8, 2 t + 8; of the right one
// (16, 8) rows 2 t and 2 t + 8, with the rows after them, of column g; of the sum (16, 8), in float32, columns 2 t and
// 2 t + 1 of row g, then of row g + 8. PTX ISA, mma.m16n8k16.
__device__ inline void add_product(float (&sum)[4], const std::uint32_t (&left)[4], const std::uint32_t (&right)[2]) {
  asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
      "{%0, %1, %2, %3};"
      : "+f"(sum[0]), "+f"(sum[1]), "+f"(sum[2]), "+f"(sum[3])
      : "r"(left[0]), "r"(left[1]), "r"(left[2]), "r"(left[3]), "r"(right[0]), "r"(right[1]));
}

// Of a tile (8, 8) of 16 bits, of which lane 4 g + t holds columns 2 t and 2 t + 1 of row g: the same of its transpose.
// PTX ISA, movmatrix.
__device__ inline std::uint32_t transposed_tile(std::uint32_t tile) {
  std::uint32_t transposed = 0;
  asm("movmatrix.sync.aligned.m8n8.trans.b16 %0, %1;" : "=r"(transposed) : "r"(tile));
  return transposed;
}

// Shared memory of one block, `kElements` of them.
template <class T, int kElements>
class Shared {
 public:
  __device__ T& operator[](int i) { return elements_[i]; }

 private:
  T elements_[kElements];
};

// A grid of one dimension.
struct Grid {
  std::int64_t blocks = 0;
  int threads = 0;
  void* stream = nullptr;
};

// Nothing is launched for no blocks.
template <class... Parameters, class... Arguments>
int launch(const Grid& grid, void (*kernel)(Parameters...), const Arguments&... arguments) {
  if (grid.blocks == 0) return cudaSuccess;
  if (grid.blocks > INT32_MAX) return cudaErrorInvalidConfiguration;
  kernel<<<static_cast<unsigned>(grid.blocks), static_cast<unsigned>(grid.threads), 0,
           static_cast<cudaStream_t>(grid.stream)>>>(arguments...);
  return cudaGetLastError();
}

// What a launcher answers to sizes that its kernel is not made for.
inline int invalid_value() { return cudaErrorInvalidValue; }

inline const char* error_text(int status) { return cudaGetErrorString(static_cast<cudaError_t>(status)); }

}  // namespace perfbench
