// Which layers each pipeline chunk holds.
#pragma once

#include <optional>
#include <vector>

#include "job/stack.h"

namespace perfbench {

struct ChunkLayers {
  int first = 0;  // index of the first layer
  int count = 0;
  bool embedding = false;  // the first chunk looks up tokens
  bool head = false;       // the last chunk holds the final norm, the LM head and the loss
};

// The pp * vp chunks in model order under one policy; nullopt when the policy cannot deal `num_layers` out, because of
// a remainder or because a chunk would hold nothing.
std::optional<std::vector<ChunkLayers>> split_layers(int num_layers, int num_chunks, LayerSplit policy);

// The first of the stack's policies that fits.
std::optional<std::vector<ChunkLayers>> split_layers(int num_layers, int num_chunks, const Stack& stack);

}  // namespace perfbench
