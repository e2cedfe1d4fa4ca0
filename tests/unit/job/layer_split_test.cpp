#include "job/layer_split.h"

#include <gtest/gtest.h>

namespace perfbench {
namespace {

// Layers per chunk, after checks that hold for every split.
std::vector<int> counts(int num_layers, int num_chunks, LayerSplit policy) {
  const auto chunks = split_layers(num_layers, num_chunks, policy);
  if (!chunks) return {};
  EXPECT_EQ(std::ssize(*chunks), num_chunks);
  std::vector<int> counts;
  int next = 0;
  for (std::size_t c = 0; c < chunks->size(); ++c) {
    const ChunkLayers& chunk = (*chunks)[c];
    EXPECT_EQ(chunk.first, next) << "chunk " << c;
    EXPECT_GE(chunk.count, 0) << "chunk " << c;
    EXPECT_EQ(chunk.embedding, c == 0) << "chunk " << c;
    EXPECT_EQ(chunk.head, c + 1 == chunks->size()) << "chunk " << c;
    next += chunk.count;
    counts.push_back(chunk.count);
  }
  EXPECT_EQ(next, num_layers);
  return counts;
}

TEST(LayerSplit, EvenLlama70bOverPp8Vp5) { EXPECT_EQ(counts(80, 40, LayerSplit::even), std::vector<int>(40, 2)); }

TEST(LayerSplit, EvenRefusesARemainder) { EXPECT_EQ(split_layers(126, 64, LayerSplit::even), std::nullopt); }

TEST(LayerSplit, EmbeddingAndLossAsLayersLlama405bOverPp8Vp8) {
  std::vector<int> expected(64, 2);
  expected.front() = expected.back() = 1;
  EXPECT_EQ(counts(126, 64, LayerSplit::embedding_and_loss_as_layers), expected);
}

TEST(LayerSplit, EmbeddingAndLossOnOneChunk) {
  EXPECT_EQ(counts(126, 1, LayerSplit::embedding_and_loss_as_layers), std::vector<int>{126});
}

TEST(LayerSplit, UnevenDeepSeekOver16) {
  std::vector<int> expected(16, 3);
  std::fill(expected.begin(), expected.begin() + 13, 4);  // 61 = 16 * 3 + 13
  EXPECT_EQ(counts(61, 16, LayerSplit::uneven), expected);
}

TEST(LayerSplit, LossAsLayerMayLeaveTheHeadAlone) {
  std::vector<int> expected(62, 1);
  expected.back() = 0;
  EXPECT_EQ(counts(61, 62, LayerSplit::loss_as_layer), expected);
}

TEST(LayerSplit, AChunkThatHoldsNothing) {
  EXPECT_EQ(split_layers(61, 62, LayerSplit::uneven), std::nullopt);
  EXPECT_EQ(split_layers(2, 8, LayerSplit::even), std::nullopt);
  EXPECT_EQ(split_layers(2, 8, LayerSplit::embedding_and_loss_as_layers), std::nullopt);
}

TEST(LayerSplit, NoChunksOrNoLayers) {
  for (const LayerSplit policy :
       {LayerSplit::even, LayerSplit::embedding_and_loss_as_layers, LayerSplit::loss_as_layer, LayerSplit::uneven}) {
    EXPECT_EQ(split_layers(4, 0, policy), std::nullopt);
    EXPECT_EQ(split_layers(0, 4, policy), std::nullopt);
  }
}

TEST(LayerSplit, StackTakesTheFirstPolicyThatFits) {
  Stack stack;
  stack.layer_split = {LayerSplit::even, LayerSplit::embedding_and_loss_as_layers, LayerSplit::uneven};
  EXPECT_EQ(split_layers(126, 64, stack)->front().count, 1);  // the second
  EXPECT_EQ(split_layers(61, 16, stack)->front().count, 4);   // the third
  stack.layer_split = {LayerSplit::even};
  EXPECT_EQ(split_layers(61, 16, stack), std::nullopt);
}

}  // namespace
}  // namespace perfbench
