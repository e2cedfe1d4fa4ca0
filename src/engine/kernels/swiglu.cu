#include "engine/kernels/activations.cuh"
#include "engine/kernels/kernels.h"
#include "engine/kernels/pack.cuh"
#include "engine/kernels/reduce.cuh"

namespace perfbench {
namespace {

constexpr int kMostThreads = 256;

// A block a row. silu(gate) is rounded before it meets up, and their product before it meets a weight.
template <class T, int N, bool kWeighted>
__global__ void __launch_bounds__(kMostThreads) swiglu_kernel(SwiGluCall call) {
  const std::int64_t row = blockIdx.x;
  const T* gate = static_cast<const T*>(call.x) + row * 2 * call.width;
  const T* up = gate + call.width;
  T* y = static_cast<T*>(call.y) + row * call.width;
  const int packs = static_cast<int>(call.width / N);
  const float weight = kWeighted ? call.weights[row] : 1.0F;
#pragma unroll 2
  for (int i = static_cast<int>(threadIdx.x); i < packs; i += static_cast<int>(blockDim.x)) {
    const Pack<T, N> g = load<T, N>(gate, i), u = load<T, N>(up, i);
    Pack<T, N> out;
#pragma unroll
    for (int e = 0; e < N; ++e) {
      const float activated = to_float(from_float<T>(silu<T>(to_float(g.at[e]))));
      out.at[e] = from_float<T>(activated * to_float(u.at[e]));
      if constexpr (kWeighted) out.at[e] = from_float<T>(to_float(out.at[e]) * weight);
    }
    store(y, i, out);
  }
}

// With d = dy, or round(dy weight): dgate = silu'(gate) round(d up), dup = d round(silu(gate)).
template <class T, int N, bool kWeighted>
__global__ void __launch_bounds__(kMostThreads) swiglu_backward_kernel(SwiGluBackwardCall call) {
  const std::int64_t row = blockIdx.x;
  const T* dy = static_cast<const T*>(call.dy) + row * call.width;
  const T* gate = static_cast<const T*>(call.x) + row * 2 * call.width;
  const T* up = gate + call.width;
  T* dgate = static_cast<T*>(call.dx) + row * 2 * call.width;
  T* dup = dgate + call.width;
  const int packs = static_cast<int>(call.width / N);
  const float weight = kWeighted ? call.weights[row] : 1.0F;
  float dweight = 0.0F;
#pragma unroll 2
  for (int i = static_cast<int>(threadIdx.x); i < packs; i += static_cast<int>(blockDim.x)) {
    Pack<T, N> d = load<T, N>(dy, i), g = load<T, N>(gate, i), u = load<T, N>(up, i);
    Pack<T, N> of_gate, of_up;
#pragma unroll
    for (int e = 0; e < N; ++e) {
      const float x = to_float(g.at[e]), share = sigmoid<T>(x);
      if constexpr (kWeighted) {
        dweight += to_float(d.at[e]) * x * share * to_float(u.at[e]);
        d.at[e] = from_float<T>(to_float(d.at[e]) * weight);
      }
      const float d_activated = to_float(from_float<T>(to_float(d.at[e]) * to_float(u.at[e])));
      of_gate.at[e] = from_float<T>(d_activated * share * (1.0F + x * (1.0F - share)));
      of_up.at[e] = from_float<T>(to_float(d.at[e]) * to_float(from_float<T>(x * share)));
    }
    store(dgate, i, of_gate);
    store(dup, i, of_up);
  }
  if constexpr (kWeighted) {
    if (call.dweights == nullptr) return;
    dweight = reduce_block(dweight, Sum{});
    if (threadIdx.x == 0) call.dweights[row] = dweight;
  }
}

}  // namespace

extern "C" int perfbench_swiglu(const SwiGluCall* call, void* stream) {
  return with_access(call->dtype, in_packs(call->dtype, call->width, {call->x, call->y}), [&](auto access) {
    using T = typename decltype(access)::Type;
    constexpr int N = decltype(access)::kElements;
    const Grid grid{call->rows, threads_for(call->width / N, 2, kMostThreads), stream};
    return call->weights == nullptr ? launch(grid, swiglu_kernel<T, N, false>, *call)
                                    : launch(grid, swiglu_kernel<T, N, true>, *call);
  });
}

extern "C" int perfbench_swiglu_backward(const SwiGluBackwardCall* call, void* stream) {
  return with_access(call->dtype, in_packs(call->dtype, call->width, {call->dy, call->x, call->dx}), [&](auto access) {
    using T = typename decltype(access)::Type;
    constexpr int N = decltype(access)::kElements;
    const Grid grid{call->rows, threads_for(call->width / N, 2, kMostThreads), stream};
    return call->weights == nullptr ? launch(grid, swiglu_backward_kernel<T, N, false>, *call)
                                    : launch(grid, swiglu_backward_kernel<T, N, true>, *call);
  });
}

}  // namespace perfbench
