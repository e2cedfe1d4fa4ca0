#include "engine/kernels/kernels.h"
#include "engine/kernels/pack.cuh"

namespace perfbench {
namespace {

// A thread casts a square of kSide x kSide numbers, so that it has whole packs of the copy and of the transposed copy.
// The 32 threads of a warp have 8 squares below each other and 4 side by side: rows of 64 bytes of bf16 are read, of 32
// and, transposed, 64 bytes are written. Warps of a block: 2 below each other, 4 side by side.
constexpr int kSide = 8;
constexpr int kThreads = 256;
constexpr int kSquares = 16;  // of a block, along either side
constexpr int kBlockSide = kSquares * kSide;

// The largest finite numbers (Micikevicius et al. 2022, "FP8 Formats for Deep Learning", table 1).
template <bool kE5m2>
__device__ inline float scale_of(float amax) {
  return amax > 0.0F ? amax / (kE5m2 ? 57344.0F : 448.0F) : 1.0F;
}

template <bool kE5m2>
__device__ inline std::uint16_t two_in_fp8(float low, float high) {
  return kE5m2 ? to_e5m2(low, high) : to_e4m3(low, high);
}

__device__ inline void write_scale(const Fp8CastCall& call, float scale) {
  if (call.scale != nullptr && blockIdx.x == 0 && threadIdx.x == 0) call.scale[0] = scale;
}

using Bytes = Pack<std::uint8_t, kSide>;

template <class T, bool kE5m2>
__global__ void __launch_bounds__(kThreads) cast_squares_kernel(Fp8CastCall call) {
  const float scale = scale_of<kE5m2>(call.amax[0]);
  write_scale(call, scale);
  const int thread = static_cast<int>(threadIdx.x), lane = thread % 32, warp = thread / 32;
  const auto blocks_across = static_cast<unsigned>((call.columns + kBlockSide - 1) / kBlockSide);
  const std::int64_t below = blockIdx.x / blocks_across, across = blockIdx.x % blocks_across;
  const std::int64_t row = (below * kSquares + (warp / 4) * 8 + lane % 8) * kSide;
  const std::int64_t column = (across * kSquares + (warp % 4) * 4 + lane / 8) * kSide;
  if (row >= call.rows || column >= call.columns) return;

  Pack<T, kSide> in[kSide];
#pragma unroll
  for (int r = 0; r < kSide; ++r) {
    in[r] = load<T, kSide>(static_cast<const T*>(call.x) + (row + r) * call.columns + column, 0);
  }
  Bytes rows[kSide];
#pragma unroll
  for (int r = 0; r < kSide; ++r) {
#pragma unroll
    for (int c = 0; c < kSide; c += 2) {
      const std::uint16_t two = two_in_fp8<kE5m2>(to_float(in[r].at[c]) / scale, to_float(in[r].at[c + 1]) / scale);
      rows[r].at[c] = static_cast<std::uint8_t>(two & 0xff);
      rows[r].at[c + 1] = static_cast<std::uint8_t>(two >> 8);
    }
    if (call.q != nullptr) store(static_cast<std::uint8_t*>(call.q) + (row + r) * call.columns + column, 0, rows[r]);
  }
  if (call.q_t == nullptr) return;
#pragma unroll
  for (int c = 0; c < kSide; ++c) {
    Bytes transposed;
#pragma unroll
    for (int r = 0; r < kSide; ++r) transposed.at[r] = rows[r].at[c];
    store(static_cast<std::uint8_t*>(call.q_t) + (column + c) * call.rows + row, 0, transposed);
  }
}

// Where the sides are no multiples of kSide: a number a thread.
template <class T, bool kE5m2>
__global__ void __launch_bounds__(kThreads) cast_single_kernel(Fp8CastCall call) {
  const float scale = scale_of<kE5m2>(call.amax[0]);
  write_scale(call, scale);
  const std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (i >= call.rows * call.columns) return;
  const float value = to_float(static_cast<const T*>(call.x)[i]) / scale;
  const auto narrow = static_cast<std::uint8_t>(two_in_fp8<kE5m2>(value, 0.0F) & 0xff);
  if (call.q != nullptr) static_cast<std::uint8_t*>(call.q)[i] = narrow;
  if (call.q_t == nullptr) return;
  static_cast<std::uint8_t*>(call.q_t)[i % call.columns * call.rows + i / call.columns] = narrow;
}

template <class T, bool kE5m2>
int cast(const Fp8CastCall& call, void* stream) {
  const bool squares = call.rows % kSide == 0 && call.columns % kSide == 0 &&
                       in_packs(call.dtype, call.columns, {call.x, call.q, call.q_t});
  if (!squares) {
    return launch({(call.rows * call.columns + kThreads - 1) / kThreads, kThreads, stream},
                  cast_single_kernel<T, kE5m2>, call);
  }
  const std::int64_t across = (call.columns + kBlockSide - 1) / kBlockSide;
  const std::int64_t below = (call.rows + kBlockSide - 1) / kBlockSide;
  return launch({across * below, kThreads, stream}, cast_squares_kernel<T, kE5m2>, call);
}

}  // namespace

extern "C" int perfbench_fp8_cast(const Fp8CastCall* call, void* stream) {
  const bool e5m2 = call->format == DType::f8e5m2;
  if (call->dtype == DType::f32) return e5m2 ? cast<float, true>(*call, stream) : cast<float, false>(*call, stream);
  return e5m2 ? cast<Bf16, true>(*call, stream) : cast<Bf16, false>(*call, stream);
}

}  // namespace perfbench
