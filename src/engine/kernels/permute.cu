#include "engine/kernels/kernels.h"
#include "engine/kernels/pack.cuh"
#include "engine/kernels/reduce.cuh"

namespace perfbench {
namespace {

constexpr int kMostThreads = 256;

// A block a token: its row is read once.
template <class T, int N>
__global__ void __launch_bounds__(kMostThreads) permute_kernel(PermuteCall call) {
  const std::int64_t token = blockIdx.x;
  const T* x = static_cast<const T*>(call.x) + token * call.width;
  const std::int64_t* places = call.places + token * call.top_k;
  const int packs = static_cast<int>(call.width / N);
  for (int i = static_cast<int>(threadIdx.x); i < packs; i += static_cast<int>(blockDim.x)) {
    const Pack<T, N> value = load<T, N>(x, i);
#pragma unroll 4
    for (int choice = 0; choice < call.top_k; ++choice) {
      const std::int64_t row = places[choice];
      if (row >= 0) store(static_cast<T*>(call.rows) + row * call.width, i, value);
    }
  }
  for (int choice = static_cast<int>(threadIdx.x); choice < call.top_k; choice += static_cast<int>(blockDim.x)) {
    const std::int64_t row = places[choice];
    if (row < 0) continue;
    call.taken[row] = 1;
    if (call.weights != nullptr) call.row_weights[row] = call.weights[token * call.top_k + choice];
  }
}

// A warp for a warp's width of rows: it makes zeros of those that no choice has taken.
template <class T, int N>
__global__ void __launch_bounds__(kMostThreads) clear_rows_kernel(PermuteCall call) {
  const int lane = static_cast<int>(threadIdx.x) % kWarp, packs = static_cast<int>(call.width / N);
  const std::int64_t first = (static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x) / kWarp * kWarp;
  for (std::int64_t row = first; row < first + kWarp && row < call.num_rows; ++row) {
    if (call.taken[row] != 0) continue;
    Pack<T, N> zeros;
#pragma unroll
    for (int e = 0; e < N; ++e) zeros.at[e] = from_float<T>(0.0F);
    T* to = static_cast<T*>(call.rows) + row * call.width;
    for (int i = lane; i < packs; i += kWarp) store(to, i, zeros);
    if (lane == 0 && call.row_weights != nullptr) call.row_weights[row] = 0.0F;
  }
}

// A block a token. Sums are float32 and rounded once.
template <class T, int N>
__global__ void __launch_bounds__(kMostThreads) unpermute_kernel(UnpermuteCall call) {
  const std::int64_t token = blockIdx.x;
  const std::int64_t* places = call.places + token * call.top_k;
  const int packs = static_cast<int>(call.width / N);
  for (int i = static_cast<int>(threadIdx.x); i < packs; i += static_cast<int>(blockDim.x)) {
    float sums[N] = {};
#pragma unroll 4
    for (int choice = 0; choice < call.top_k; ++choice) {
      const std::int64_t row = places[choice];
      if (row < 0) continue;
      const Pack<T, N> value = load<T, N>(static_cast<const T*>(call.rows) + row * call.width, i);
#pragma unroll
      for (int e = 0; e < N; ++e) sums[e] += to_float(value.at[e]);
    }
    Pack<T, N> out;
#pragma unroll
    for (int e = 0; e < N; ++e) out.at[e] = from_float<T>(sums[e]);
    store(static_cast<T*>(call.y) + token * call.width, i, out);
  }
  if (call.row_weights == nullptr) return;
  for (int choice = static_cast<int>(threadIdx.x); choice < call.top_k; choice += static_cast<int>(blockDim.x)) {
    const std::int64_t row = places[choice];
    call.weights[token * call.top_k + choice] = row < 0 ? 0.0F : call.row_weights[row];
  }
}

}  // namespace

extern "C" int perfbench_permute(const PermuteCall* call, void* stream) {
  return with_access(call->dtype, in_packs(call->dtype, call->width, {call->x, call->rows}), [&](auto access) {
    using T = typename decltype(access)::Type;
    constexpr int N = decltype(access)::kElements;
    const Grid tokens{call->tokens, threads_for(call->width / N, 2, kMostThreads), stream};
    const int error = launch(tokens, permute_kernel<T, N>, *call);
    if (error != 0) return error;
    const Grid rows{(call->num_rows + kMostThreads - 1) / kMostThreads, kMostThreads, stream};
    return launch(rows, clear_rows_kernel<T, N>, *call);
  });
}

extern "C" int perfbench_unpermute(const UnpermuteCall* call, void* stream) {
  return with_access(call->dtype, in_packs(call->dtype, call->width, {call->rows, call->y}), [&](auto access) {
    using T = typename decltype(access)::Type;
    constexpr int N = decltype(access)::kElements;
    const Grid grid{call->tokens, threads_for(call->width / N, 2, kMostThreads), stream};
    return launch(grid, unpermute_kernel<T, N>, *call);
  });
}

}  // namespace perfbench
