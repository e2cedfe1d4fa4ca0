#include "engine/kernels/kernels.h"
#include "engine/kernels/pack.cuh"

namespace perfbench {
namespace {

constexpr int kMostThreads = 256;

// Copies packs `from` to `to` of each of `heads` heads that are `stride` elements apart.
template <class T, int N>
__device__ void copy_heads(const T* in, T* out, int heads, int stride, int from, int to) {
  const int each = to - from;
  for (int i = static_cast<int>(threadIdx.x); i < heads * each; i += static_cast<int>(blockDim.x)) {
    const int head = i / each, pack = from + i % each;
    store(out + head * stride, pack, load<T, N>(in + head * stride, pack));
  }
}

// A block a token; a thread turns a pack of a head's first half together with its partner in the second.
template <class T, int N>
__global__ void __launch_bounds__(kMostThreads) rope_kernel(RopeCall call) {
  const int dim = call.head_dim, half = call.rotary_dim / 2;
  const int turned = call.heads + call.kv_heads, width = (turned + call.kv_heads) * dim;
  const std::int64_t token = blockIdx.x, start = token * width;
  const T* in = static_cast<const T*>(call.qkv) + start;
  T* out = static_cast<T*>(call.out) + start;
  const float* cos = call.cos + call.positions[token] * half;
  const float* sin = call.sin + call.positions[token] * half;
  const float direction = call.inverse ? -1.0F : 1.0F;

  const int pairs = half / N;  // packs of a head's first half
#pragma unroll 2
  for (int i = static_cast<int>(threadIdx.x); i < turned * pairs; i += static_cast<int>(blockDim.x)) {
    const int first = (i / pairs) * dim, pack = i % pairs;
    const Pack<T, N> a = load<T, N>(in + first, pack), b = load<T, N>(in + first + half, pack);
    const Pack<float, N> c = load<float, N>(cos, pack), s = load<float, N>(sin, pack);
    Pack<T, N> of_a, of_b;
#pragma unroll
    for (int e = 0; e < N; ++e) {
      const float x = to_float(a.at[e]), y = to_float(b.at[e]), turn = direction * s.at[e];
      of_a.at[e] = from_float<T>(x * c.at[e] - y * turn);
      of_b.at[e] = from_float<T>(y * c.at[e] + x * turn);
    }
    store(out + first, pack, of_a);
    store(out + first + half, pack, of_b);
  }
  if (call.rotary_dim < dim) copy_heads<T, N>(in, out, turned, dim, call.rotary_dim / N, dim / N);
  copy_heads<T, N>(in + turned * dim, out + turned * dim, call.kv_heads, dim, 0, dim / N);
}

}  // namespace

extern "C" int perfbench_rope(const RopeCall* call, void* stream) {
  const bool packs = in_packs(call->dtype, call->rotary_dim / 2, {call->qkv, call->out, call->cos, call->sin}) &&
                     in_packs(call->dtype, call->head_dim, {});
  return with_access(call->dtype, packs, [&](auto access) {
    using T = typename decltype(access)::Type;
    constexpr int N = decltype(access)::kElements;
    const int pairs = (call->heads + call->kv_heads) * (call->rotary_dim / 2 / N);
    const Grid grid{call->tokens, threads_for(pairs, 1, kMostThreads), stream};
    return launch(grid, rope_kernel<T, N>, *call);
  });
}

}  // namespace perfbench
