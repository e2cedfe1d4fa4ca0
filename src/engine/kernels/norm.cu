#include "engine/kernels/kernels.h"
#include "engine/kernels/reduce.cuh"
#include "engine/kernels/row.cuh"

namespace perfbench {
namespace {

constexpr int kMostThreads = 512;

// A block a row.
template <class T, int N, bool kCentered>
__global__ void __launch_bounds__(kMostThreads) norm_kernel(NormCall call) {
  const std::int64_t start = static_cast<std::int64_t>(blockIdx.x) * call.width;
  const int packs = static_cast<int>(call.width / N);
  const auto width = static_cast<float>(call.width);
  HeldRow<T, N> row(static_cast<const T*>(call.x) + start, packs);
  if (call.residual != nullptr) {
    const HeldRow<T, N> residual(static_cast<const T*>(call.residual) + start, packs);
    T* sum = static_cast<T*>(call.sum) + start;
    for_each_pack<kHeldPacks>(packs, [&](int k, int i) {
      Pack<T, N> x = row(k, i);
      const Pack<T, N> r = residual(k, i);
#pragma unroll
      for (int e = 0; e < N; ++e) x.at[e] = from_float<T>(to_float(x.at[e]) + to_float(r.at[e]));
      row.replace(sum, k, i, x);
    });
    row.read_on_from(sum);
  }

  float mean = 0.0F;
  if constexpr (kCentered) {
    float total = 0.0F;
    for_each_pack<kHeldPacks>(packs, [&](int k, int i) {
      const Pack<T, N> x = row(k, i);
#pragma unroll
      for (int e = 0; e < N; ++e) total += to_float(x.at[e]);
    });
    mean = reduce_block(total, Sum{}) / width;
  }
  float squares = 0.0F;
  for_each_pack<kHeldPacks>(packs, [&](int k, int i) {
    const Pack<T, N> x = row(k, i);
#pragma unroll
    for (int e = 0; e < N; ++e) {
      const float centered = to_float(x.at[e]) - mean;
      squares += centered * centered;
    }
  });
  const float rstd = rsqrtf(reduce_block(squares, Sum{}) / width + call.eps);

  T* y = static_cast<T*>(call.y) + start;
  for_each_pack<kHeldPacks>(packs, [&](int k, int i) {
    const Pack<T, N> x = row(k, i), weight = load<T, N>(static_cast<const T*>(call.weight), i);
    Pack<T, N> out;
    if constexpr (kCentered) {
      const Pack<T, N> bias = load<T, N>(static_cast<const T*>(call.bias), i);
#pragma unroll
      for (int e = 0; e < N; ++e) {
        const float normed = (to_float(x.at[e]) - mean) * rstd;
        out.at[e] = from_float<T>(normed * (to_float(weight.at[e]) + call.weight_offset) + to_float(bias.at[e]));
      }
    } else {
#pragma unroll
      for (int e = 0; e < N; ++e) {  // rounded before the weight, too
        const float normed = to_float(from_float<T>(to_float(x.at[e]) * rstd));
        out.at[e] = from_float<T>(normed * to_float(weight.at[e]));
      }
    }
    store(y, i, out);
  });
  if (threadIdx.x == 0) {
    call.rstd[blockIdx.x] = rstd;
    if constexpr (kCentered) call.mean[blockIdx.x] = mean;
  }
}

}  // namespace

extern "C" int perfbench_norm(const NormCall* call, void* stream) {
  const bool packs =
      in_packs(call->dtype, call->width, {call->x, call->residual, call->weight, call->bias, call->sum, call->y});
  return with_access(call->dtype, packs, [&](auto access) {
    using T = typename decltype(access)::Type;
    constexpr int N = decltype(access)::kElements;
    const Grid grid{call->rows, threads_for(call->width / N, 2, kMostThreads), stream};
    return call->centered ? launch(grid, norm_kernel<T, N, true>, *call)
                          : launch(grid, norm_kernel<T, N, false>, *call);
  });
}

}  // namespace perfbench
