#include "engine/kernels/column_sum.cuh"
#include "engine/kernels/kernels.h"
#include "engine/kernels/reduce.cuh"
#include "engine/kernels/row.cuh"

namespace perfbench {
namespace {

constexpr int kMostThreads = 512;
constexpr int kHeldWithSums = 2;  // the sums of columns take the registers of the other two

// Sums over a block's rows of one value a column: in registers for the packs that a row holds, else in the block's row
// of the partial sums, which this thread alone touches.
template <int N, int kHeld>
class ColumnSums {
 public:
  __device__ explicit ColumnSums(float* partial) : partial_(partial) {}

  __device__ void add(int k, int i, bool first, const float (&values)[N]) {
    if (k < kHeld) {
#pragma unroll
      for (int e = 0; e < N; ++e) held_[k][e] += values[e];
      return;
    }
    float* sums = partial_ + static_cast<std::int64_t>(i) * N;
    for (int e = 0; e < N; ++e) sums[e] = (first ? 0.0F : sums[e]) + values[e];
  }

  __device__ void finish(int packs) const {
    for_each_pack<kHeld>(packs, [&](int k, int i) {
      if (k == kHeld) return;
#pragma unroll
      for (int e = 0; e < N; ++e) partial_[static_cast<std::int64_t>(i) * N + e] = held_[k][e];
    });
  }

 private:
  float held_[kHeld][N] = {};
  float* partial_;
};

// Rows blockIdx.x, blockIdx.x + gridDim.x, ... a block. There are at most as many blocks as rows.
template <class T, int N, bool kCentered, bool kWeights>
__global__ void __launch_bounds__(kMostThreads) norm_backward_kernel(NormBackwardCall call) {
  constexpr int kHeld = kWeights ? kHeldWithSums : kHeldPacks;
  const int packs = static_cast<int>(call.width / N);
  const auto width = static_cast<float>(call.width);
  const T* weights = static_cast<const T*>(call.weight);
  const std::int64_t own = static_cast<std::int64_t>(blockIdx.x) * call.width;
  ColumnSums<N, kHeld> dw(call.partials + own), db(call.partials + (gridDim.x * call.width + own));

  for (std::int64_t row = blockIdx.x; row < call.rows; row += gridDim.x) {
    const bool first = row == static_cast<std::int64_t>(blockIdx.x);
    const std::int64_t start = row * call.width;
    const HeldRow<T, N, kHeld> dy(static_cast<const T*>(call.dy) + start, packs);
    const HeldRow<T, N, kHeld> sum(static_cast<const T*>(call.sum) + start, packs);
    const float rstd = call.rstd[row], mean = kCentered ? call.mean[row] : 0.0F;

    float along[kCentered ? 2 : 1] = {};  // sums of g n, and of g
    for_each_pack<kHeld>(packs, [&](int k, int i) {
      const Pack<T, N> d = dy(k, i), x = sum(k, i), weight = load<T, N>(weights, i);
      float normed_d[N], plain_d[N];
#pragma unroll
      for (int e = 0; e < N; ++e) {
        const float normed = (to_float(x.at[e]) - mean) * rstd;
        plain_d[e] = to_float(d.at[e]);
        normed_d[e] = plain_d[e] * normed;
        const float g = plain_d[e] * (to_float(weight.at[e]) + call.weight_offset);
        along[0] += g * normed;
        if constexpr (kCentered) along[1] += g;
      }
      if constexpr (kWeights) dw.add(k, i, first, normed_d);
      if constexpr (kWeights && kCentered) db.add(k, i, first, plain_d);
    });
    reduce_block(along, Sum{});

    const T* dsum = call.dsum == nullptr ? nullptr : static_cast<const T*>(call.dsum) + start;
    T* dx = static_cast<T*>(call.dx) + start;
    for_each_pack<kHeld>(packs, [&](int k, int i) {
      const Pack<T, N> d = dy(k, i), x = sum(k, i), weight = load<T, N>(weights, i);
      Pack<T, N> other{}, out;
      if (dsum != nullptr) other = load<T, N>(dsum, i);
#pragma unroll
      for (int e = 0; e < N; ++e) {
        const float normed = (to_float(x.at[e]) - mean) * rstd;
        float g = to_float(d.at[e]) * (to_float(weight.at[e]) + call.weight_offset) - normed * (along[0] / width);
        if constexpr (kCentered) g -= along[1] / width;
        out.at[e] = from_float<T>(g * rstd + to_float(other.at[e]));
      }
      store(dx, i, out);
    });
  }
  if constexpr (kWeights) dw.finish(packs);
  if constexpr (kWeights && kCentered) db.finish(packs);
}

template <class T, int N, bool kCentered>
int start(const NormBackwardCall& call, void* stream) {
  Grid grid{call.rows, threads_for(call.width / N, 2, kMostThreads), stream};
  const bool weights = call.dw != nullptr || call.db != nullptr;
  if (!weights) return launch(grid, norm_backward_kernel<T, N, kCentered, false>, call);
  grid.blocks = call.partial_rows < call.rows ? call.partial_rows : call.rows;
  if (const int error = launch(grid, norm_backward_kernel<T, N, kCentered, true>, call); error != 0) return error;
  if (call.dw != nullptr) {
    const int error = column_sum<T>(call.partials, grid.blocks, call.width, call.dw, stream);
    if (error != 0) return error;
  }
  if (call.db == nullptr) return 0;
  return column_sum<T>(call.partials + grid.blocks * call.width, grid.blocks, call.width, call.db, stream);
}

}  // namespace

extern "C" int perfbench_norm_backward(const NormBackwardCall* call, void* stream) {
  const bool packs = in_packs(call->dtype, call->width, {call->dy, call->dsum, call->sum, call->weight, call->dx});
  return with_access(call->dtype, packs, [&](auto access) {
    using T = typename decltype(access)::Type;
    constexpr int N = decltype(access)::kElements;
    return call->centered ? start<T, N, true>(*call, stream) : start<T, N, false>(*call, stream);
  });
}

}  // namespace perfbench
