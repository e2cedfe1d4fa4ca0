#include "job/layer_split.h"

namespace perfbench {
namespace {

// Layer slots that the embedding and the loss take away from the first and the last chunk.
struct Reserved {
  int first = 0;
  int last = 0;
};

Reserved reserved_slots(LayerSplit policy) {
  switch (policy) {
    case LayerSplit::even:
    case LayerSplit::uneven:
      return {};
    case LayerSplit::embedding_and_loss_as_layers:
      return {.first = 1, .last = 1};
    case LayerSplit::loss_as_layer:
      return {.first = 0, .last = 1};
  }
  return {};
}

}  // namespace

std::optional<std::vector<ChunkLayers>> split_layers(int num_layers, int num_chunks, LayerSplit policy) {
  if (num_layers < 1 || num_chunks < 1) return std::nullopt;
  const Reserved reserved = reserved_slots(policy);
  const int num_slots = num_layers + reserved.first + reserved.last;
  const int slots = num_slots / num_chunks;      // of each chunk
  const int remainder = num_slots % num_chunks;  // chunks with one slot more
  if (slots == 0 || (remainder != 0 && policy != LayerSplit::uneven)) return std::nullopt;

  std::vector<ChunkLayers> chunks(static_cast<std::size_t>(num_chunks));
  int next = 0;
  for (int c = 0; c < num_chunks; ++c) {
    ChunkLayers& chunk = chunks[static_cast<std::size_t>(c)];
    chunk.embedding = c == 0;
    chunk.head = c == num_chunks - 1;
    chunk.first = next;
    chunk.count =
        slots + (c < remainder ? 1 : 0) - (chunk.embedding ? reserved.first : 0) - (chunk.head ? reserved.last : 0);
    next += chunk.count;
  }
  return chunks;
}

std::optional<std::vector<ChunkLayers>> split_layers(int num_layers, int num_chunks, const Stack& stack) {
  for (const LayerSplit policy : stack.layer_split) {
    if (auto chunks = split_layers(num_layers, num_chunks, policy)) return chunks;
  }
  return std::nullopt;
}

}  // namespace perfbench
