#include <cmath>

#include "engine/kernels/kernels.h"
#include "engine/kernels/pack.cuh"
#include "engine/kernels/reduce.cuh"

namespace perfbench {
namespace {

constexpr int kMostThreads = 512, kLossThreads = 1024, kThreads = 256;

// A sum of exponentials as seen from the largest of the numbers so far.
struct Exponentials {
  float max = -INFINITY, sum = 0.0F;
};

__device__ inline float exp_below(float x, float max) { return max == -INFINITY ? 0.0F : __expf(x - max); }

template <int N>
__device__ inline void add(Exponentials& all, const float (&values)[N], int count) {
  float max = all.max;
#pragma unroll
  for (int e = 0; e < N; ++e) {
    if (e < count && values[e] > max) max = values[e];
  }
  if (max > all.max) {
    all.sum *= exp_below(all.max, max);
    all.max = max;
  }
#pragma unroll
  for (int e = 0; e < N; ++e) {
    if (e < count) all.sum += exp_below(values[e], all.max);
  }
}

template <class T, int N>
__device__ inline void add_pack(Exponentials& all, const T* row, int pack, int count) {
  const Pack<T, N> logits = load<T, N>(row, pack);
  float values[N];
#pragma unroll
  for (int e = 0; e < N; ++e) values[e] = to_float(logits.at[e]);
  add<N>(all, values, count);
}

// A block a row, each logit read once.
template <class T, int N>
__global__ void __launch_bounds__(kMostThreads) cross_entropy_kernel(CrossEntropyCall call) {
  const std::int64_t row = blockIdx.x;
  const T* logits = static_cast<const T*>(call.logits) + row * call.columns;
  const int real = static_cast<int>(call.real_columns), whole = real / N;
  Exponentials own;
#pragma unroll 4
  for (int i = static_cast<int>(threadIdx.x); i < whole; i += static_cast<int>(blockDim.x)) {
    add_pack<T, N>(own, logits, i, N);
  }
  // The pack in which padding starts.
  if (threadIdx.x == 0 && real % N != 0) add_pack<T, N>(own, logits, whole, real % N);

  const float max = reduce_block(own.max, Max{});
  const float sum = reduce_block(own.sum * exp_below(own.max, max), Sum{});
  if (threadIdx.x != 0) return;
  const std::int64_t target = call.targets[row] - call.first_column;
  call.max[row] = max;
  call.sums[row] = sum;
  call.sums[call.rows + row] = target >= 0 && target < call.real_columns ? to_float(logits[target]) : 0.0F;
}

__global__ void __launch_bounds__(kThreads) cross_entropy_rescale_kernel(CrossEntropyRescaleCall call) {
  const std::int64_t row = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (row < call.rows) call.sums[row] *= exp_below(call.own_max[row], call.max[row]);
}

// One block: the sum over rows has one order.
__global__ void __launch_bounds__(kLossThreads) cross_entropy_loss_kernel(CrossEntropyLossCall call) {
  float total = 0.0F;
  for (std::int64_t row = threadIdx.x; row < call.rows; row += blockDim.x) {
    const float lse = call.max[row] + logf(call.sums[row]);
    call.lse[row] = lse;
    if (call.targets[row] >= 0) total += lse - call.sums[call.rows + row];
  }
  const float loss = reduce_block(total, Sum{}) * call.weight[0];
  if (threadIdx.x == 0) call.loss[0] = loss;
}

}  // namespace

extern "C" int perfbench_cross_entropy(const CrossEntropyCall* call, void* stream) {
  return with_access(call->dtype, in_packs(call->dtype, call->columns, {call->logits}), [&](auto access) {
    using T = typename decltype(access)::Type;
    constexpr int N = decltype(access)::kElements;
    const Grid grid{call->rows, threads_for(call->columns / N, 4, kMostThreads), stream};
    return launch(grid, cross_entropy_kernel<T, N>, *call);
  });
}

extern "C" int perfbench_cross_entropy_rescale(const CrossEntropyRescaleCall* call, void* stream) {
  return launch({(call->rows + kThreads - 1) / kThreads, kThreads, stream}, cross_entropy_rescale_kernel, *call);
}

extern "C" int perfbench_cross_entropy_loss(const CrossEntropyLossCall* call, void* stream) {
  return launch({1, threads_for(call->rows, 1, kLossThreads), stream}, cross_entropy_loss_kernel, *call);
}

}  // namespace perfbench
