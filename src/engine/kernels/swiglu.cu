#include "engine/kernels/activations.cuh"
#include "engine/kernels/kernels.h"
#include "engine/kernels/pack.cuh"

namespace perfbench {
namespace {

constexpr int kMostThreads = 256;

// A block a row. silu(gate) is rounded before it meets up.
template <class T, int N>
__global__ void __launch_bounds__(kMostThreads) swiglu_kernel(SwiGluCall call) {
  const std::int64_t row = blockIdx.x;
  const T* gate = static_cast<const T*>(call.x) + row * 2 * call.width;
  const T* up = gate + call.width;
  T* y = static_cast<T*>(call.y) + row * call.width;
  const int packs = static_cast<int>(call.width / N);
#pragma unroll 2
  for (int i = static_cast<int>(threadIdx.x); i < packs; i += static_cast<int>(blockDim.x)) {
    const Pack<T, N> g = load<T, N>(gate, i), u = load<T, N>(up, i);
    Pack<T, N> out;
#pragma unroll
    for (int e = 0; e < N; ++e) {
      const float activated = to_float(from_float<T>(silu<T>(to_float(g.at[e]))));
      out.at[e] = from_float<T>(activated * to_float(u.at[e]));
    }
    store(y, i, out);
  }
}

// dgate = silu'(gate) round(dy up), dup = dy round(silu(gate)).
template <class T, int N>
__global__ void __launch_bounds__(kMostThreads) swiglu_backward_kernel(SwiGluBackwardCall call) {
  const std::int64_t row = blockIdx.x;
  const T* dy = static_cast<const T*>(call.dy) + row * call.width;
  const T* gate = static_cast<const T*>(call.x) + row * 2 * call.width;
  const T* up = gate + call.width;
  T* dgate = static_cast<T*>(call.dx) + row * 2 * call.width;
  T* dup = dgate + call.width;
  const int packs = static_cast<int>(call.width / N);
#pragma unroll 2
  for (int i = static_cast<int>(threadIdx.x); i < packs; i += static_cast<int>(blockDim.x)) {
    const Pack<T, N> d = load<T, N>(dy, i), g = load<T, N>(gate, i), u = load<T, N>(up, i);
    Pack<T, N> of_gate, of_up;
#pragma unroll
    for (int e = 0; e < N; ++e) {
      const float x = to_float(g.at[e]), share = sigmoid<T>(x);
      const float d_activated = to_float(from_float<T>(to_float(d.at[e]) * to_float(u.at[e])));
      of_gate.at[e] = from_float<T>(d_activated * share * (1.0F + x * (1.0F - share)));
      of_up.at[e] = from_float<T>(to_float(d.at[e]) * to_float(from_float<T>(x * share)));
    }
    store(dgate, i, of_gate);
    store(dup, i, of_up);
  }
}

}  // namespace

extern "C" int perfbench_swiglu(const SwiGluCall* call, void* stream) {
  return with_access(call->dtype, in_packs(call->dtype, call->width, {call->x, call->y}), [&](auto access) {
    using T = typename decltype(access)::Type;
    constexpr int N = decltype(access)::kElements;
    const Grid grid{call->rows, threads_for(call->width / N, 2, kMostThreads), stream};
    return launch(grid, swiglu_kernel<T, N>, *call);
  });
}

extern "C" int perfbench_swiglu_backward(const SwiGluBackwardCall* call, void* stream) {
  return with_access(call->dtype, in_packs(call->dtype, call->width, {call->dy, call->x, call->dx}), [&](auto access) {
    using T = typename decltype(access)::Type;
    constexpr int N = decltype(access)::kElements;
    const Grid grid{call->rows, threads_for(call->width / N, 2, kMostThreads), stream};
    return launch(grid, swiglu_backward_kernel<T, N>, *call);
  });
}

}  // namespace perfbench
