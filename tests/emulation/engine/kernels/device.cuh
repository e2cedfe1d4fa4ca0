// The kernels' view of CUDA, on a CPU: found before the one of src/ when kernels are compiled as C++ for tests.
#pragma once

#include <torch/headeronly/util/BFloat16.h>
#include <torch/headeronly/util/Float8_e4m3fn.h>
#include <torch/headeronly/util/Float8_e5m2.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <source_location>
#include <string>

#include "emulation/block.h"

#define __global__
#define __device__
#define __launch_bounds__(...)
#define __shared__ static thread_local

namespace perfbench {

using Bf16 = c10::BFloat16;

inline float to_float(float x) { return x; }
inline float to_float(Bf16 x) { return static_cast<float>(x); }
template <class T>
T from_float(float x) {
  return T(x);
}

// What each lane of the warp holds.
inline std::array<std::uint32_t, 32> of_all_lanes(std::uint32_t own, const std::source_location& where) {
  const unsigned lane = emulation::place().thread.x % 32;
  std::array<std::uint32_t, 32> all{};
  all[lane] = own;
  for (unsigned distance = 1; distance < 32; ++distance) {
    all[lane ^ distance] = emulation::exchange(own, static_cast<int>(distance), where);
  }
  return all;
}
inline float bf16_at(std::uint32_t two, unsigned i) {
  return std::bit_cast<float>((i == 0 ? two << 16U : two & 0xffff0000U));
}

// As PTX lays the operands out; see the header of CUDA.
inline void add_product(float (&sum)[4], const std::uint32_t (&left)[4], const std::uint32_t (&right)[2],
                        const std::source_location& where = std::source_location::current()) {
  std::array<std::array<std::uint32_t, 32>, 4> lefts;
  std::array<std::array<std::uint32_t, 32>, 2> rights;
  for (unsigned r = 0; r < 4; ++r) lefts[r] = of_all_lanes(left[r], where);
  for (unsigned r = 0; r < 2; ++r) rights[r] = of_all_lanes(right[r], where);
  const unsigned lane = emulation::place().thread.x % 32;
  for (unsigned i = 0; i < 4; ++i) {
    const unsigned row = lane / 4, column = 2 * (lane % 4) + i % 2;
    for (unsigned k = 0; k < 16; ++k) {
      const unsigned quarter = k % 8 / 2;
      const float a = bf16_at(lefts[i / 2 + 2 * (k / 8)][4 * row + quarter], k % 2);
      sum[i] += a * bf16_at(rights[k / 8][4 * column + quarter], k % 2);
    }
  }
}

inline std::uint32_t transposed_tile(std::uint32_t tile,
                                     const std::source_location& where = std::source_location::current()) {
  const std::array<std::uint32_t, 32> tiles = of_all_lanes(tile, where);
  const unsigned lane = emulation::place().thread.x % 32, row = lane / 4, column = 2 * (lane % 4);
  const auto at = [&](unsigned r, unsigned c) { return tiles[4 * r + c / 2] >> 16U * (c % 2) & 0xffffU; };
  return at(column, row) | at(column + 1, row) << 16U;
}

inline float saturated(float x, float largest) { return std::isnan(x) ? x : std::clamp(x, -largest, largest); }
template <class F8>
std::uint16_t two_as(float low, float high, float largest) {
  return static_cast<std::uint16_t>(F8(saturated(low, largest)).x | F8(saturated(high, largest)).x << 8);
}
inline std::uint16_t to_e4m3(float low, float high) { return two_as<c10::Float8_e4m3fn>(low, high, 448.0F); }
inline std::uint16_t to_e5m2(float low, float high) { return two_as<c10::Float8_e5m2>(low, high, 57344.0F); }

// Every access is checked.
template <class T, int kElements>
class Shared {
  struct Cell {
    T value;
    emulation::SharedHistory history;
  };

 public:
  class Element {
   public:
    explicit Element(Cell& cell) : cell_(cell) {}
    operator T() const {
      cell_.history.read();
      return cell_.value;
    }
    void operator=(T value) const {
      cell_.history.write();
      cell_.value = value;
    }

   private:
    Cell& cell_;
  };

  Element operator[](int i) {
    if (i < 0 || i >= kElements) {
      emulation::fail("element " + std::to_string(i) + " of shared memory of " + std::to_string(kElements));
    }
    return Element(cells_[i]);
  }

 private:
  Cell cells_[kElements];
};

struct Grid {
  std::int64_t blocks = 0;
  int threads = 0;
  void* stream = nullptr;
};

template <class... Parameters, class... Arguments>
int launch(const Grid& grid, void (*kernel)(Parameters...), const Arguments&... arguments) {
  return emulation::run_grid(grid.blocks, grid.threads, [&] { kernel(arguments...); });
}

inline int invalid_value() { return 1; }  // cudaErrorInvalidValue

inline const char* error_text(int) { return "the emulation refuses the launch"; }

}  // namespace perfbench

// What CUDA declares everywhere.
#define threadIdx (::perfbench::emulation::place().thread)
#define blockIdx (::perfbench::emulation::place().block)
#define blockDim (::perfbench::emulation::place().threads)
#define gridDim (::perfbench::emulation::place().blocks)

inline void __syncthreads(const std::source_location& where = std::source_location::current()) {
  perfbench::emulation::wait_for_block(where);
}
template <class T>
T __shfl_xor_sync(unsigned mask, T value, int distance,
                  const std::source_location& where = std::source_location::current()) {
  static_assert(sizeof(T) == sizeof(std::uint32_t));
  if (mask != 0xffffffffU) perfbench::emulation::fail("exchanges with a part of its warp");
  return std::bit_cast<T>(perfbench::emulation::exchange(std::bit_cast<std::uint32_t>(value), distance, where));
}

inline unsigned __float_as_uint(float x) { return std::bit_cast<unsigned>(x); }
inline float __uint_as_float(unsigned x) { return std::bit_cast<float>(x); }
inline float __expf(float x) { return std::exp(x); }
inline float __fdividef(float a, float b) { return a / b; }
inline float rsqrtf(float x) { return 1.0F / std::sqrt(x); }
