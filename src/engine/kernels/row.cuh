// A row of a matrix, dealt out to the threads of one block, the first packs of each kept in registers.
#pragma once

#include "engine/kernels/pack.cuh"

namespace perfbench {

inline constexpr int kHeldPacks = 4;  // a thread keeps; what is beyond is read again, through the cache

// f(k, i) for each pack i of this thread: k counts those that are held, and is kHeld for the others.
template <int kHeld, class F>
__device__ inline void for_each_pack(int packs, const F& f) {
  const int thread = static_cast<int>(threadIdx.x), threads = static_cast<int>(blockDim.x);
#pragma unroll
  for (int k = 0; k < kHeld; ++k) {
    const int i = thread + k * threads;
    if (i < packs) f(k, i);
  }
  for (int i = thread + kHeld * threads; i < packs; i += threads) f(kHeld, i);
}

template <class T, int N, int kHeld = kHeldPacks>
class HeldRow {
 public:
  __device__ HeldRow(const T* row, int packs) : row_(row) {
    const int thread = static_cast<int>(threadIdx.x), threads = static_cast<int>(blockDim.x);
#pragma unroll
    for (int k = 0; k < kHeld; ++k) {
      const int i = thread + k * threads;
      if (i < packs) held_[k] = load<T, N>(row, i);
    }
  }

  __device__ Pack<T, N> operator()(int k, int i) const { return k < kHeld ? held_[k] : load<T, N>(row_, i); }

  // What the row is from now on; this thread has written pack i of `row`.
  __device__ void replace(T* row, int k, int i, const Pack<T, N>& value) {
    store(row, i, value);
    if (k < kHeld) held_[k] = value;
  }
  __device__ void read_on_from(const T* row) { row_ = row; }

 private:
  Pack<T, N> held_[kHeld];
  const T* row_;
};

}  // namespace perfbench
