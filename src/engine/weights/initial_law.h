// Initial weights, made from a seed and a place alone: the same on every layout, machine and build.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/random.h"

namespace perfbench {

// How the elements of one tensor are made: element i, row-major, is value + (random_share_at(stream, i) - 0.5) * width.
struct InitialLaw {
  double value = 0.0, width = 0.0;
  std::uint64_t stream = 0;
};

InitialLaw initial_law(const std::string& name, const std::vector<std::int64_t>& shape, std::uint64_t seed);

// Initial weights of one Hugging Face tensor, row-major: norm weights 1, biases 0, all others uniform with the standard
// deviation 0.02 that transformers' initializer_range has by default.
std::vector<float> initial_weights(const std::string& name, const std::vector<std::int64_t>& shape, std::uint64_t seed);

}  // namespace perfbench
