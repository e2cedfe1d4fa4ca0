// Rows in packs of N elements, one pack an access.
#pragma once

#include <cstdint>
#include <initializer_list>

#include "base/dtype.h"
#include "engine/kernels/device.cuh"

namespace perfbench {

inline constexpr int kAccessBytes = 16;

// Larger packs are more than one access.
template <class T, int N>
struct alignas(sizeof(T) * N < kAccessBytes ? sizeof(T) * N : kAccessBytes) Pack {
  T at[N];
};

template <class T, int N>
__device__ inline Pack<T, N> load(const T* row, std::int64_t pack) {
  return reinterpret_cast<const Pack<T, N>*>(row)[pack];
}

template <class T, int N>
__device__ inline void store(T* row, std::int64_t pack, const Pack<T, N>& value) {
  reinterpret_cast<Pack<T, N>*>(row)[pack] = value;
}

// An element type and the elements of one access, for the choice of a kernel.
template <class T, int N>
struct Access {
  using Type = T;
  static constexpr int kElements = N;
};

// Whether rows of this many elements, from these addresses on, can be read 16 bytes at a time.
inline bool in_packs(DType dtype, std::int64_t width, std::initializer_list<const void*> rows) {
  if (width % (kAccessBytes / size_bytes(dtype)) != 0) return false;
  for (const void* row : rows) {
    if (reinterpret_cast<std::uintptr_t>(row) % kAccessBytes != 0) return false;
  }
  return true;
}

// choose(Access<T, N>{}) for the data type, N being 16 bytes of them, or one where the rows are not in packs.
template <class Choose>
int with_access(DType dtype, bool packs, const Choose& choose) {
  if (dtype == DType::f32) return packs ? choose(Access<float, 4>{}) : choose(Access<float, 1>{});
  return packs ? choose(Access<Bf16, 8>{}) : choose(Access<Bf16, 1>{});
}

// Threads for a row of so many packs, `each` packs a thread as far as `most` threads go: a multiple of a warp.
inline int threads_for(std::int64_t packs, int each, int most) {
  const std::int64_t warps = (packs + 32 * each - 1) / (32 * each);
  return static_cast<int>(warps < 1 ? 32 : warps * 32 > most ? most : warps * 32);
}

}  // namespace perfbench
