// Layers whose activations wait in host memory between forward and backward: what travels, and between which ops.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "program/program.h"

namespace perfbench {

// A copy that other layers' ops run beside. It begins before one node of its phase and is done before another; an index
// as large as the number of nodes is the end of the phase.
struct HostCopy {
  std::size_t begin = 0, end = 0;
};

struct OffloadedLayer {
  std::vector<ValueId> values{};  // that its forward makes and its backward reads; weights excepted, gathered ones, too
  std::int64_t bytes = 0;
  HostCopy out{};  // in the forward, beside the next layer
  HostCopy in{};   // in the backward, beside the layer that the backward comes to before it
};

// The first Program::offloaded_layers, in order.
std::vector<OffloadedLayer> offloaded_layers(const Program& program);

}  // namespace perfbench
