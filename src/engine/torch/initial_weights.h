// Initial weights, made where they are needed.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <vector>

#include "engine/weights/initial_law.h"

namespace perfbench {

// `elements` of the law, float32 on `device`.
at::Tensor follow(const InitialLaw& law, std::int64_t elements, at::Device device);

// The values of initial_weights(), bit for bit, float32 on `device`.
at::Tensor initial_weights_on(at::Device device, const std::string& name, const std::vector<std::int64_t>& shape,
                              std::uint64_t seed);

}  // namespace perfbench
