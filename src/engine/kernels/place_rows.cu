#include "engine/kernels/kernels.h"
#include "engine/kernels/pack.cuh"
#include "engine/kernels/reduce.cuh"

namespace perfbench {
namespace {

constexpr int kMostThreads = 256;

// Parts of the scratch.
struct Parts {
  std::int64_t* first;   // (E): the first row of an expert
  std::int64_t* choice;  // (T k): the choice in each row, and whether it is kept: with a capacity
  std::int64_t* kept;
  std::int64_t* before;  // (blocks, E): rows of an expert in a block, then those in the blocks before it
};
__device__ inline Parts parts_of(const PlaceRowsCall& call) {
  std::int64_t* choice = call.scratch + call.experts;
  const std::int64_t rows = call.capacity > 0 ? call.choices : 0;
  return {call.scratch, choice, choice + rows, choice + 2 * rows};
}

// The choices of a block. Every thread of it takes part.
class BlockOfChoices {
 public:
  __device__ explicit BlockOfChoices(const PlaceRowsCall& call, Shared<int, kPlacedAtOnce>& experts)
      : first(static_cast<std::int64_t>(blockIdx.x) * kPlacedAtOnce), experts_(experts) {
    const std::int64_t left = call.choices - first;
    count = left < kPlacedAtOnce ? static_cast<int>(left) : kPlacedAtOnce;
    for (int i = static_cast<int>(threadIdx.x); i < count; i += static_cast<int>(blockDim.x)) {
      experts_[i] = static_cast<int>(call.experts_of[first + i]);
    }
    __syncthreads();
  }

  // f(choice) for those of the expert, in order.
  template <class F>
  __device__ void each_of(int expert, const F& f) {
    for (int i = 0; i < count; ++i) {
      if (experts_[i] == expert) f(first + i);
    }
  }

  std::int64_t first;
  int count;

 private:
  Shared<int, kPlacedAtOnce>& experts_;
};

__global__ void __launch_bounds__(kMostThreads) count_rows_kernel(PlaceRowsCall call) {
  __shared__ Shared<int, kPlacedAtOnce> experts;
  BlockOfChoices block(call, experts);
  for (int expert = static_cast<int>(threadIdx.x); expert < call.experts; expert += static_cast<int>(blockDim.x)) {
    int count = 0;
    block.each_of(expert, [&](std::int64_t) { ++count; });
    parts_of(call).before[blockIdx.x * static_cast<std::int64_t>(call.experts) + expert] = count;
  }
}

// One block, a thread an expert.
__global__ void __launch_bounds__(kMostExperts) first_rows_kernel(PlaceRowsCall call, std::int64_t blocks) {
  __shared__ Shared<int, kMostExperts> totals;
  const Parts parts = parts_of(call);
  const int expert = static_cast<int>(threadIdx.x);
  std::int64_t total = 0;
  if (expert < call.experts) {
#pragma unroll 8
    for (std::int64_t block = 0; block < blocks; ++block) {
      std::int64_t& before = parts.before[block * call.experts + expert];
      const std::int64_t count = before;
      before = total;
      total += count;
    }
  }
  totals[expert] = static_cast<int>(total);
  __syncthreads();
  if (expert >= call.experts) return;
  std::int64_t first = 0;
  for (int other = 0; other < expert; ++other) first += totals[other];
  parts.first[expert] = first;
  call.counts[expert] = call.capacity > 0 ? call.capacity : total;
}

__global__ void __launch_bounds__(kMostThreads) place_rows_kernel(PlaceRowsCall call) {
  __shared__ Shared<int, kPlacedAtOnce> experts;
  BlockOfChoices block(call, experts);
  const Parts parts = parts_of(call);
  for (int expert = static_cast<int>(threadIdx.x); expert < call.experts; expert += static_cast<int>(blockDim.x)) {
    std::int64_t row =
        parts.first[expert] + parts.before[blockIdx.x * static_cast<std::int64_t>(call.experts) + expert];
    block.each_of(expert, [&](std::int64_t choice) {
      call.places[choice] = row;
      if (call.capacity > 0) parts.choice[row] = choice;
      ++row;
    });
  }
}

// The rows of one row's expert.
struct Range {
  std::int64_t first, end;
};
__device__ inline Range rows_beside(const PlaceRowsCall& call, const Parts& parts, std::int64_t expert) {
  return {parts.first[expert], expert + 1 < call.experts ? parts.first[expert + 1] : call.choices};
}

// A thread a row, of rows without a capacity: as many are dropped as have `capacity` rows before them in the order of
// weights.
__global__ void __launch_bounds__(kMostThreads) keep_rows_kernel(PlaceRowsCall call) {
  const std::int64_t row = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (row >= call.choices) return;
  const Parts parts = parts_of(call);
  const std::int64_t choice = parts.choice[row];
  const float weight = call.weights[choice];
  const Range range = rows_beside(call, parts, call.experts_of[choice]);
  std::int64_t better = 0;
  for (std::int64_t other = range.first; other < range.end; ++other) {
    const float its = call.weights[parts.choice[other]];
    if (its > weight || (its == weight && other < row)) ++better;
  }
  parts.kept[row] = better < call.capacity ? 1 : 0;
}

__global__ void __launch_bounds__(kMostThreads) close_up_kernel(PlaceRowsCall call) {
  const std::int64_t row = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (row >= call.choices) return;
  const Parts parts = parts_of(call);
  const std::int64_t choice = parts.choice[row], expert = call.experts_of[choice];
  std::int64_t place = expert * call.capacity;
  for (std::int64_t other = parts.first[expert]; other < row; ++other) place += parts.kept[other];
  const bool fits = place < (expert + 1) * call.capacity;  // where no order is, among NaNs, too many are kept
  call.places[choice] = parts.kept[row] != 0 && fits ? place : -1;
}

}  // namespace

extern "C" int perfbench_place_rows(const PlaceRowsCall* call, void* stream) {
  if (call->experts > kMostExperts) return invalid_value();
  const Grid blocks{place_rows_blocks(call->choices), threads_for(call->experts, 1, kMostThreads), stream};
  const Grid one{1, threads_for(call->experts, 1, kMostExperts), stream};
  const Grid rows{(call->choices + kMostThreads - 1) / kMostThreads, kMostThreads, stream};
  int error = launch(blocks, count_rows_kernel, *call);
  if (error == 0) error = launch(one, first_rows_kernel, *call, blocks.blocks);
  if (error == 0) error = launch(blocks, place_rows_kernel, *call);
  if (call->capacity == 0) return error;
  if (error == 0) error = launch(rows, keep_rows_kernel, *call);
  if (error == 0) error = launch(rows, close_up_kernel, *call);
  return error;
}

}  // namespace perfbench
