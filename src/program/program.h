// What one rank does for one microbatch of one pipeline chunk, forward and backward over one value table. No rank
// number is in a Program.
#pragma once

#include <span>
#include <vector>

#include "program/op.h"

namespace perfbench {

// The part of a layer that an op belongs to.
enum class Block : std::uint8_t { none, attention, mlp };

enum class When : std::uint8_t { always, first_microbatch, last_microbatch };  // of the global step

struct Node {
  Op op;
  When when = When::always;
  int layer = -1;  // index in the chunk; -1: outside the layers
  // A control edge that is no use: the op does not start before this value is made (a prefetch).
  ValueId after = kNoValue;
  Block block = Block::none;  // of a forward op
  bool recomputed = false;    // a forward op that the backward runs once more
};

struct Program {
  PerAxis<int> axis_size{{1, 1, 1, 1}};
  int num_layers = 0;
  std::vector<Value> values;
  Pieces sources;  // of all weights
  std::vector<Node> forward, backward;
  std::vector<Node> optimizer;  // once per global step

  ValueId tokens = kNoValue, targets = kNoValue;          // data, where the chunk has the embedding or the head
  ValueId positions = kNoValue;                           // data: of each token in its sequence
  ValueId stream_positions = kNoValue;                    // data: the same, of the rows of the stream between blocks
  ValueId starts = kNoValue;                              // data: where in the pack each token's sub-sequence starts
  ValueId loss_weight = kNoValue;                         // data: 1 / (target tokens of the global batch), float32
  ValueId input = kNoValue, output = kNoValue;            // activations from and to the neighbouring chunks
  ValueId grad_output = kNoValue, grad_input = kNoValue;  // their gradients
  ValueId loss = kNoValue;                                // of the last chunk

  const Value& operator[](ValueId id) const { return values[static_cast<std::size_t>(id)]; }
  Value& operator[](ValueId id) { return values[static_cast<std::size_t>(id)]; }
  const ValueType& type(ValueId id) const { return (*this)[id].type; }
  std::span<const Piece> pieces(ValueId weight) const {
    const SourceRange& range = (*this)[weight].sources;
    return std::span(sources).subspan(static_cast<std::size_t>(range.first), static_cast<std::size_t>(range.count));
  }
};

// Ranks that hold the same weights and other tokens: dp x cp. Their group is that of Axis::dp.
int replicas(const Program& program);

// Ids of the states of one kind, in the order in which they were made.
std::vector<ValueId> states(const Program& program, StateKind kind);

}  // namespace perfbench
