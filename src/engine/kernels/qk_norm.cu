#include "engine/kernels/column_sum.cuh"
#include "engine/kernels/kernels.h"
#include "engine/kernels/pack.cuh"
#include "engine/kernels/reduce.cuh"

namespace perfbench {
namespace {

// Sixteen lanes have a head: one pack each where 128 numbers of bf16 are one.
constexpr int kLanes = 16, kThreads = 256, kGroups = kThreads / kLanes;
constexpr int kMostDim = kMostQkNormDim;  // weight gradients are summed in registers

// Every lane of the warp takes part.
__device__ inline float sum_of_lanes(float value) {
#pragma unroll
  for (int distance = kLanes / 2; distance > 0; distance /= 2) value += __shfl_xor_sync(kAllLanes, value, distance);
  return value;
}

// f(i) for the packs of a head that belong to this lane.
template <class F>
__device__ inline void for_each_pack_of_head(int packs, const F& f) {
  for (int i = static_cast<int>(threadIdx.x) % kLanes; i < packs; i += kLanes) f(i);
}

// A head a group of lanes, heads of v among them.
template <class T, int N>
__global__ void __launch_bounds__(kThreads) qk_norm_kernel(QkNormCall call) {
  const int normed = call.heads + call.kv_heads, heads = normed + call.kv_heads, packs = call.head_dim / N;
  const std::int64_t item = static_cast<std::int64_t>(blockIdx.x) * kGroups + threadIdx.x / kLanes;
  const bool there = item < call.tokens * heads;
  const auto head = static_cast<int>(item % heads);
  const T* in = static_cast<const T*>(call.qkv) + item * call.head_dim;
  T* out = static_cast<T*>(call.out) + item * call.head_dim;
  float squares = 0.0F;
  if (there && head < normed) {
    for_each_pack_of_head(packs, [&](int i) {
      const Pack<T, N> x = load<T, N>(in, i);
#pragma unroll
      for (int e = 0; e < N; ++e) squares += to_float(x.at[e]) * to_float(x.at[e]);
    });
  }
  const float rstd = rsqrtf(sum_of_lanes(squares) / static_cast<float>(call.head_dim) + call.eps);
  if (!there) return;
  if (head >= normed) {
    for_each_pack_of_head(packs, [&](int i) { store(out, i, load<T, N>(in, i)); });
    return;
  }
  const T* weights = static_cast<const T*>(head < call.heads ? call.q_weight : call.k_weight);
  for_each_pack_of_head(packs, [&](int i) {
    const Pack<T, N> x = load<T, N>(in, i), weight = load<T, N>(weights, i);
    Pack<T, N> y;
#pragma unroll
    for (int e = 0; e < N; ++e) {
      y.at[e] = from_float<T>(to_float(from_float<T>(to_float(x.at[e]) * rstd)) * to_float(weight.at[e]));
    }
    store(out, i, y);
  });
  if (threadIdx.x % kLanes == 0) call.rstd[item / heads * normed + head] = rstd;
}

// Heads first to first + count of every token, dealt out to the groups of all blocks. With n the normed head and
// g = dy weight: dx = rstd (g - n mean(g n)); the sums of dy n go to `partial`, (D) of this block.
template <class T, int N, bool kWeights>
__device__ void heads_backward(const QkNormBackwardCall& call, int first, int count, const T* weights, float* partial) {
  constexpr int kHeld = kMostDim / kLanes / N;
  __shared__ Shared<float, kGroups * kMostDim> of_groups;
  const int normed = call.heads + call.kv_heads, heads = normed + call.kv_heads;
  const int packs = call.head_dim / N, group = static_cast<int>(threadIdx.x) / kLanes;
  const int lane = static_cast<int>(threadIdx.x) % kLanes;
  float sums[kHeld][N] = {};
  const std::int64_t items = call.tokens * count;
  for (std::int64_t base = static_cast<std::int64_t>(blockIdx.x) * kGroups; base < items;
       base += static_cast<std::int64_t>(gridDim.x) * kGroups) {
    const bool there = base + group < items;
    const std::int64_t token = there ? (base + group) / count : 0;
    const int head = first + static_cast<int>(there ? (base + group) % count : 0);
    const std::int64_t start = (token * heads + head) * call.head_dim;
    const T* x = static_cast<const T*>(call.qkv) + start;
    const T* dy = static_cast<const T*>(call.dout) + start;
    T* dx = static_cast<T*>(call.dqkv) + start;
    const float rstd = call.rstd[token * normed + head];
    float along = 0.0F;
#pragma unroll
    for (int k = 0; k < kHeld; ++k) {
      const int i = lane + k * kLanes;
      if (!there || i >= packs) continue;
      const Pack<T, N> values = load<T, N>(x, i), d = load<T, N>(dy, i), weight = load<T, N>(weights, i);
#pragma unroll
      for (int e = 0; e < N; ++e) {
        const float of_weight = to_float(d.at[e]) * to_float(values.at[e]) * rstd;
        along += of_weight * to_float(weight.at[e]);
        if constexpr (kWeights) sums[k][e] += of_weight;
      }
    }
    along = sum_of_lanes(along) / static_cast<float>(call.head_dim);
    if (!there) continue;
    for_each_pack_of_head(packs, [&](int i) {
      const Pack<T, N> values = load<T, N>(x, i), d = load<T, N>(dy, i), weight = load<T, N>(weights, i);
      Pack<T, N> out;
#pragma unroll
      for (int e = 0; e < N; ++e) {
        const float g = to_float(d.at[e]) * to_float(weight.at[e]);
        out.at[e] = from_float<T>((g - to_float(values.at[e]) * rstd * along) * rstd);
      }
      store(dx, i, out);
    });
  }
  if constexpr (kWeights) {
    for (int k = 0; k < kHeld; ++k) {
      const int i = lane + k * kLanes;
      if (i >= packs) continue;
#pragma unroll
      for (int e = 0; e < N; ++e) of_groups[group * kMostDim + i * N + e] = sums[k][e];
    }
    __syncthreads();
    for (int c = static_cast<int>(threadIdx.x); c < call.head_dim; c += kThreads) {
      float total = 0.0F;
      for (int g = 0; g < kGroups; ++g) total += of_groups[g * kMostDim + c];
      partial[c] = total;
    }
    __syncthreads();  // before the memory is used again
  }
}

template <class T, int N, bool kWeights>
__global__ void __launch_bounds__(kThreads) qk_norm_backward_kernel(QkNormBackwardCall call) {
  const int normed = call.heads + call.kv_heads, width = (normed + call.kv_heads) * call.head_dim;
  const std::int64_t own = static_cast<std::int64_t>(blockIdx.x) * call.head_dim;
  heads_backward<T, N, kWeights>(call, 0, call.heads, static_cast<const T*>(call.q_weight), call.partials + own);
  heads_backward<T, N, kWeights>(call, call.heads, call.kv_heads, static_cast<const T*>(call.k_weight),
                                 call.partials + (gridDim.x * static_cast<std::int64_t>(call.head_dim) + own));
  const int packs = call.kv_heads * call.head_dim / N;  // of v
  for (std::int64_t token = blockIdx.x; token < call.tokens; token += gridDim.x) {
    const std::int64_t start = token * width + normed * call.head_dim;
    for (int i = static_cast<int>(threadIdx.x); i < packs; i += kThreads) {
      store(static_cast<T*>(call.dqkv) + start, i, load<T, N>(static_cast<const T*>(call.dout) + start, i));
    }
  }
}

template <class T, int N>
int start(const QkNormBackwardCall& call, void* stream) {
  const std::int64_t items = (call.tokens * (call.heads + call.kv_heads) + kGroups - 1) / kGroups;
  if (call.dq_weight == nullptr) {
    return launch({items, kThreads, stream}, qk_norm_backward_kernel<T, N, false>, call);
  }
  const Grid grid{call.partial_rows, kThreads, stream};
  if (const int error = launch(grid, qk_norm_backward_kernel<T, N, true>, call); error != 0) return error;
  const int error = column_sum<T>(call.partials, grid.blocks, call.head_dim, call.dq_weight, stream);
  if (error != 0) return error;
  return column_sum<T>(call.partials + grid.blocks * call.head_dim, grid.blocks, call.head_dim, call.dk_weight, stream);
}

}  // namespace

extern "C" int perfbench_qk_norm(const QkNormCall* call, void* stream) {
  const bool packs = in_packs(call->dtype, call->head_dim, {call->qkv, call->q_weight, call->k_weight, call->out});
  return with_access(call->dtype, packs, [&](auto access) {
    using T = typename decltype(access)::Type;
    constexpr int N = decltype(access)::kElements;
    const std::int64_t items = call->tokens * (call->heads + 2 * call->kv_heads);
    return launch({(items + kGroups - 1) / kGroups, kThreads, stream}, qk_norm_kernel<T, N>, *call);
  });
}

extern "C" int perfbench_qk_norm_backward(const QkNormBackwardCall* call, void* stream) {
  if (call->head_dim > kMostDim) return invalid_value();
  const bool packs =
      in_packs(call->dtype, call->head_dim, {call->dout, call->qkv, call->q_weight, call->k_weight, call->dqkv});
  return with_access(call->dtype, packs, [&](auto access) {
    using T = typename decltype(access)::Type;
    constexpr int N = decltype(access)::kElements;
    return start<T, N>(*call, stream);
  });
}

}  // namespace perfbench
