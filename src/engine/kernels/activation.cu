#include "engine/kernels/activations.cuh"
#include "engine/kernels/kernels.h"
#include "engine/kernels/pack.cuh"

namespace perfbench {
namespace {

constexpr int kThreads = 256;

template <class T>
__device__ float value_of(ActivationKernel activation, float x) {
  switch (activation) {
    case ActivationKernel::silu:
      return silu<T>(x);
    case ActivationKernel::gelu:
      return gelu(x);
    case ActivationKernel::gelu_tanh:
      return gelu_tanh(x);
    case ActivationKernel::relu2:
      return x > 0.0F ? x * x : 0.0F * x;  // a NaN stays one
  }
  return x;
}

template <class T>
__device__ float slope_of(ActivationKernel activation, float x) {
  switch (activation) {
    case ActivationKernel::silu:
      return silu_slope<T>(x);
    case ActivationKernel::gelu:
      return gelu_slope(x);
    case ActivationKernel::gelu_tanh:
      return gelu_tanh_slope(x);
    case ActivationKernel::relu2:
      return x > 0.0F ? 2.0F * x : 0.0F * x;
  }
  return x;
}

// A pack a thread.
template <class T, int N, bool kBackward>
__global__ void __launch_bounds__(kThreads) activate_kernel(ActivateCall call) {
  const std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (i >= call.elements / N) return;
  const Pack<T, N> x = load<T, N>(static_cast<const T*>(call.x), i);
  Pack<T, N> dy{}, out;
  if constexpr (kBackward) dy = load<T, N>(static_cast<const T*>(call.dy), i);
#pragma unroll
  for (int e = 0; e < N; ++e) {
    if constexpr (kBackward) {
      out.at[e] = from_float<T>(to_float(dy.at[e]) * slope_of<T>(call.activation, to_float(x.at[e])));
    } else {
      out.at[e] = from_float<T>(value_of<T>(call.activation, to_float(x.at[e])));
    }
  }
  store(static_cast<T*>(call.out), i, out);
}

}  // namespace

extern "C" int perfbench_activate(const ActivateCall* call, void* stream) {
  const bool packs = in_packs(call->dtype, call->elements, {call->dy, call->x, call->out});
  return with_access(call->dtype, packs, [&](auto access) {
    using T = typename decltype(access)::Type;
    constexpr int N = decltype(access)::kElements;
    const Grid grid{(call->elements / N + kThreads - 1) / kThreads, kThreads, stream};
    return call->dy == nullptr ? launch(grid, activate_kernel<T, N, false>, *call)
                               : launch(grid, activate_kernel<T, N, true>, *call);
  });
}

}  // namespace perfbench
