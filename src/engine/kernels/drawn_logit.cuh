// Logits of experts that no router makes: uniform from 0 to 1, from the number of the token in the global batch.
#pragma once

#include <cstdint>

#include "engine/kernels/device.cuh"

namespace perfbench {

// base/random.h, random_at().
__device__ inline std::uint64_t random_bits(std::uint64_t stream, std::uint64_t place) {
  std::uint64_t z = stream + (place + 1) * 0x9E3779B97F4A7C15ULL;
  z = (z ^ (z >> 30U)) * 0xBF58476D1CE4E5B9ULL;
  z = (z ^ (z >> 27U)) * 0x94D049BB133111EBULL;
  return z ^ (z >> 31U);
}

__device__ inline float drawn_logit(std::int64_t salt, std::int64_t number, int experts, int expert) {
  const std::int64_t place = number * experts + expert;
  const std::uint64_t bits = random_bits(static_cast<std::uint64_t>(salt), static_cast<std::uint64_t>(place));
  return static_cast<float>(bits >> 40U) * 0x1p-24F;
}

}  // namespace perfbench
