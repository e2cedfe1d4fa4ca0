#include "engine/kernels/kernels.h"
#include "engine/kernels/pack.cuh"
#include "engine/kernels/reduce.cuh"

namespace perfbench {
namespace {

constexpr int kThreads = 256, kFinishThreads = 1024;

// The bits of a magnitude are ordered as it is, a NaN above all.
__device__ inline unsigned magnitude_bits(float x) { return __float_as_uint(x) & 0x7fffffffU; }

template <class T, int N>
__global__ void __launch_bounds__(kThreads) amax_kernel(AmaxCall call) {
  const T* x = static_cast<const T*>(call.x);
  const std::int64_t packs = call.elements / N, step = static_cast<std::int64_t>(gridDim.x) * blockDim.x;
  unsigned largest = 0;
#pragma unroll 4
  for (std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < packs; i += step) {
    const Pack<T, N> values = load<T, N>(x, i);
#pragma unroll
    for (int e = 0; e < N; ++e) largest = Max{}(largest, magnitude_bits(to_float(values.at[e])));
  }
  largest = reduce_block(largest, Max{});
  if (threadIdx.x == 0) call.partials[blockIdx.x] = __uint_as_float(largest);
}

__global__ void __launch_bounds__(kFinishThreads)
    amax_finish_kernel(const float* partials, std::int64_t count, float* amax) {
  unsigned largest = 0;
  for (std::int64_t i = threadIdx.x; i < count; i += blockDim.x) largest = Max{}(largest, magnitude_bits(partials[i]));
  largest = reduce_block(largest, Max{});
  if (threadIdx.x == 0) amax[0] = __uint_as_float(largest);
}

}  // namespace

extern "C" int perfbench_amax(const AmaxCall* call, void* stream) {
  return with_access(call->dtype, in_packs(call->dtype, call->elements, {call->x}), [&](auto access) {
    using T = typename decltype(access)::Type;
    constexpr int N = decltype(access)::kElements;
    const int error = launch({call->blocks, kThreads, stream}, amax_kernel<T, N>, *call);
    if (error != 0) return error;
    const int threads = threads_for(call->blocks, 1, kFinishThreads);
    return launch({1, threads, stream}, amax_finish_kernel, call->partials, call->blocks, call->amax);
  });
}

}  // namespace perfbench
