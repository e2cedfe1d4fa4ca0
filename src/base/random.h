// Random numbers made from a place alone: the same on every machine and build, in any order.
#pragma once

#include <cstdint>

namespace perfbench {

// A random number of stream `stream` at `place` (Steele, Lea and Flood 2014, SplitMix64).
constexpr std::uint64_t random_at(std::uint64_t stream, std::uint64_t place) {
  std::uint64_t z = stream + (place + 1) * 0x9E3779B97F4A7C15U;
  z = (z ^ (z >> 30U)) * 0xBF58476D1CE4E5B9U;
  z = (z ^ (z >> 27U)) * 0x94D049BB133111EBU;
  return z ^ (z >> 31U);
}

// The same as a number from 0 up to, but not including, 1.
constexpr double random_share_at(std::uint64_t stream, std::uint64_t place) {
  return static_cast<double>(random_at(stream, place) >> 11U) * 0x1p-53;
}

}  // namespace perfbench
