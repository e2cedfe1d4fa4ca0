#include "engine/kernels/kernels.h"
#include "engine/kernels/pack.cuh"

namespace perfbench {
namespace {

constexpr int kMostThreads = 512;

// A block a row.
template <class T, int N>
__global__ void __launch_bounds__(kMostThreads) cross_entropy_backward_kernel(CrossEntropyBackwardCall call) {
  const std::int64_t row = blockIdx.x;
  const T* logits = static_cast<const T*>(call.logits) + row * call.columns;
  T* dlogits = static_cast<T*>(call.dlogits) + row * call.columns;
  const int packs = static_cast<int>(call.columns / N), real = static_cast<int>(call.real_columns);
  const std::int64_t target = call.targets[row];
  const std::int64_t column = target - call.first_column;
  const int own = target >= 0 && column >= 0 && column < real ? static_cast<int>(column) : -1;
  const float weight = target < 0 ? 0.0F : call.weight[0], lse = call.lse[row];
#pragma unroll 2
  for (int i = static_cast<int>(threadIdx.x); i < packs; i += static_cast<int>(blockDim.x)) {
    const Pack<T, N> in = load<T, N>(logits, i);
    Pack<T, N> out;
#pragma unroll
    for (int e = 0; e < N; ++e) {
      const float share = __expf(to_float(in.at[e]) - lse) * weight;
      out.at[e] = from_float<T>(i * N + e < real ? share - (i * N + e == own ? weight : 0.0F) : 0.0F);
    }
    store(dlogits, i, out);
  }
}

}  // namespace

extern "C" int perfbench_cross_entropy_backward(const CrossEntropyBackwardCall* call, void* stream) {
  const bool packs = in_packs(call->dtype, call->columns, {call->logits, call->dlogits});
  return with_access(call->dtype, packs, [&](auto access) {
    using T = typename decltype(access)::Type;
    constexpr int N = decltype(access)::kElements;
    const Grid grid{call->rows, threads_for(call->columns / N, 2, kMostThreads), stream};
    return launch(grid, cross_entropy_backward_kernel<T, N>, *call);
  });
}

}  // namespace perfbench
