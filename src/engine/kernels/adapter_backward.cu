#include "engine/kernels/column_sum.cuh"
#include "engine/kernels/kernels.h"
#include "engine/kernels/pack.cuh"
#include "engine/kernels/reduce.cuh"

namespace perfbench {
namespace {

// A warp takes strips of 16 tokens by chunks of 32 columns. Of lane 4 g + t are 8 columns, from 8 t on, of tokens g and
// g + 8: they are the operands of two products of 16 columns, which have the columns in an order of their own. dh is a
// sum over columns and does not mind; db undoes it when it is written.
constexpr int kThreads = kAdapterWarps * kWarp;
constexpr int kStrip = 16;

// The column of the chunk that product `tile` (0 or 1) calls its `logical` (0 to 15).
__device__ inline int column_of(int tile, int logical) {
  return 8 * (logical % 8 / 2) + 4 * tile + 2 * (logical / 8) + logical % 2;
}

// An element of rows that lie `stride` apart; 0 beyond the last.
__device__ inline std::uint32_t bits_at(const void* rows, std::int64_t row, std::int64_t num_rows, std::int64_t stride,
                                        int column) {
  return row < num_rows ? static_cast<const std::uint16_t*>(rows)[row * stride + column] : 0U;
}

// The columns of one warp: its rows of b, and its db.
template <int kTiles>
class WarpColumns {
 public:
  static constexpr int kRank = 8 * kTiles, kChunks = adapter_chunks(kRank);

  __device__ WarpColumns(const AdapterBackwardCall& call, std::int64_t first, int lane)
      : call_(call), first_(first), g_(lane / 4), t_(lane % 4) {
    for_each_tile([&](int chunk, int tile, int n) {
      load_operand(b_[chunk][tile][n], [&](int logical) {
        return bits_at(call_.b, column(chunk, tile, logical), call_.columns, kRank, 8 * n + g_);
      });
    });
  }

  // Adds the strip's share of db, and of dh to `dh`.
  __device__ void add_strip(std::int64_t token, float (&dh)[kTiles][4]) {
    std::uint32_t h[kTiles][2];
#pragma unroll
    for (int n = 0; n < kTiles; ++n) {
      load_operand(h[n],
                   [&](int row) { return bits_at(call_.h, token + row, call_.tokens, call_.h_stride, 8 * n + g_); });
    }
#pragma unroll
    for (int chunk = 0; chunk < kChunks; ++chunk) {
      const auto top = dout_at(token + g_, chunk), bottom = dout_at(token + g_ + 8, chunk);
#pragma unroll
      for (int tile = 0; tile < 2; ++tile) {
        const std::uint32_t left[2] = {top.at[2 * tile], bottom.at[2 * tile]};
        const std::uint32_t right[2] = {top.at[2 * tile + 1], bottom.at[2 * tile + 1]};
        const std::uint32_t rows[4] = {left[0], left[1], right[0], right[1]};
        const std::uint32_t columns[4] = {transposed_tile(left[0]), transposed_tile(right[0]), transposed_tile(left[1]),
                                          transposed_tile(right[1])};
#pragma unroll
        for (int n = 0; n < kTiles; ++n) {
          add_product(dh[n], rows, b_[chunk][tile][n]);
          add_product(db_[chunk][tile][n], columns, h[n]);
        }
      }
    }
  }

  __device__ void write_db(float* partials) {
    for_each_tile([&](int chunk, int tile, int n) {
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        const std::int64_t row = column(chunk, tile, g_ + 8 * (i / 2));
        if (row < call_.columns) partials[row * kRank + rank_of(n, i)] = call_.scale * db_[chunk][tile][n][i];
      }
    });
  }

  // Where a lane's i-th number of a product's n-th tile stands along the rank.
  __device__ int rank_of(int n, int i) const { return 8 * n + 2 * t_ + i % 2; }

 private:
  template <class Visit>
  __device__ static void for_each_tile(const Visit& visit) {
#pragma unroll
    for (int chunk = 0; chunk < kChunks; ++chunk) {
#pragma unroll
      for (int tile = 0; tile < 2; ++tile) {
#pragma unroll
        for (int n = 0; n < kTiles; ++n) visit(chunk, tile, n);
      }
    }
  }

  // Rows 2 t, 2 t + 1, 2 t + 8 and 2 t + 9 of column g: a product's second operand.
  template <class Row>
  __device__ void load_operand(std::uint32_t (&operand)[2], const Row& row) const {
    operand[0] = row(2 * t_) | row(2 * t_ + 1) << 16U;
    operand[1] = row(2 * t_ + 8) | row(2 * t_ + 9) << 16U;
  }

  __device__ std::int64_t column(int chunk, int tile, int logical) const {
    return first_ + chunk * kAdapterChunk + column_of(tile, logical);
  }

  __device__ Pack<std::uint32_t, 4> dout_at(std::int64_t token, int chunk) const {
    const std::int64_t first = first_ + chunk * kAdapterChunk + 8 * t_;
    if (token >= call_.tokens || first >= call_.columns) return {};
    const auto* row = static_cast<const std::uint16_t*>(call_.dout) + token * call_.dout_stride + first;
    return load<std::uint32_t, 4>(reinterpret_cast<const std::uint32_t*>(row), 0);
  }

  const AdapterBackwardCall& call_;
  std::int64_t first_;
  int g_, t_;
  std::uint32_t b_[kChunks][2][kTiles][2];
  float db_[kChunks][2][kTiles][4] = {};
};

// A block: warps side by side along the columns, every token_parts-th strip.
template <int kTiles>
__global__ void __launch_bounds__(kThreads) adapter_backward_kernel(AdapterBackwardCall call, int column_parts) {
  constexpr int kRank = 8 * kTiles;
  __shared__ Shared<float, kAdapterWarps * kStrip * kRank> of_warps;
  const int thread = static_cast<int>(threadIdx.x), lane = thread % kWarp, warp = thread / kWarp;
  const std::int64_t column_part = static_cast<int>(blockIdx.x) % column_parts;
  const std::int64_t token_part = static_cast<int>(blockIdx.x) / column_parts;
  const std::int64_t warp_columns = WarpColumns<kTiles>::kChunks * kAdapterChunk;
  WarpColumns<kTiles> columns(call, (column_part * kAdapterWarps + warp) * warp_columns, lane);

  for (std::int64_t token = token_part * kStrip; token < call.tokens; token += call.token_parts * kStrip) {
    float dh[kTiles][4] = {};
    columns.add_strip(token, dh);
#pragma unroll
    for (int n = 0; n < kTiles; ++n) {
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        of_warps[(warp * kStrip + lane / 4 + 8 * (i / 2)) * kRank + columns.rank_of(n, i)] = dh[n][i];
      }
    }
    __syncthreads();
    for (int i = thread; i < kStrip * kRank; i += kThreads) {
      float sum = 0.0F;
      for (int w = 0; w < kAdapterWarps; ++w) sum += of_warps[w * kStrip * kRank + i];
      const std::int64_t row = token + i / kRank;
      if (row < call.tokens) call.dh_partials[(column_part * call.tokens + row) * kRank + i % kRank] = call.scale * sum;
    }
    __syncthreads();  // before the memory is used again
  }
  columns.write_db(call.db_partials + token_part * call.columns * kRank);
}

template <int kTiles>
int start(const AdapterBackwardCall& call, void* stream) {
  const std::int64_t parts = adapter_column_parts(call.columns, call.rank);
  const Grid grid{parts * call.token_parts, kThreads, stream};
  const int error = launch(grid, adapter_backward_kernel<kTiles>, call, static_cast<int>(parts));
  if (error != 0) return error;
  const SumRows dh{.out = call.dh, .width = call.rank, .stride = call.h_stride};
  if (const int failed = column_sum<Bf16>(call.dh_partials, parts, call.tokens * call.rank, dh, stream); failed != 0)
    return failed;
  return column_sum<Bf16>(call.db_partials, call.token_parts, call.columns * call.rank, call.db, stream);
}

}  // namespace

extern "C" int perfbench_adapter_backward(const AdapterBackwardCall* call, void* stream) {
  const bool packs = in_packs(DType::bf16, call->columns, {call->dout}) && in_packs(DType::bf16, call->dout_stride, {});
  if (!packs || !has_adapter_kernel(call->rank)) return invalid_value();
  switch (call->rank) {
    case 8:
      return start<1>(*call, stream);
    case 16:
      return start<2>(*call, stream);
    case 32:
      return start<4>(*call, stream);
    default:
      return start<8>(*call, stream);
  }
}

}  // namespace perfbench
