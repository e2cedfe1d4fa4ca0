// Data made from a seed and a place alone: the same on every layout, machine and build.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/random.h"

namespace perfbench {

// Initial weights of one Hugging Face tensor, row-major: norm weights 1, biases 0, all others uniform with the standard
// deviation 0.02 that transformers' initializer_range has by default.
std::vector<float> initial_weights(const std::string& name, const std::vector<std::int64_t>& shape, std::uint64_t seed);

}  // namespace perfbench
