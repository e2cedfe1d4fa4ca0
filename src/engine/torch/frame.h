// What an op sees when it runs: the tensors of its microbatch, the states of its chunk, and its rank.
#pragma once

#include <ATen/core/Tensor.h>

#include <algorithm>
#include <map>
#include <span>
#include <vector>

#include "engine/torch/chunk.h"
#include "engine/torch/expert_rows.h"
#include "engine/torch/packed.h"
#include "engine/torch/rank.h"
#include "engine/torch/tensors.h"
#include "program/op.h"

namespace perfbench {

// Tensors of one microbatch of one chunk, by value id; undefined where not alive.
using ValueTable = std::vector<at::Tensor>;

class Frame {
 public:
  Frame(Rank& own_rank, Chunk& own_chunk, ValueTable& table) : rank(own_rank), chunk(own_chunk), table_(table) {}

  Rank& rank;
  Chunk& chunk;
  std::span<const ValueId> dying{};  // values that nobody reads after the op at hand
  // What the host knows of counts, by their value: forward and backward of a microbatch read the same.
  std::map<ValueId, ExpertRows> expert_rows{};

  const at::Tensor& operator[](ValueId id) const {
    const at::Tensor& value = table_[static_cast<std::size_t>(id)];
    return value.defined() ? value : chunk.states[static_cast<std::size_t>(id)];
  }
  const at::Tensor& operator[](In operand) const { return (*this)[operand.id]; }
  const at::Tensor& operator[](InOut operand) const { return (*this)[operand.id]; }
  static bool has(In operand) { return operand.id != kNoValue; }
  static bool has(Out operand) { return operand.id != kNoValue; }
  static bool has(InOut operand) { return operand.id != kNoValue; }

  // What the host knows of the sub-sequences in an operand that says where they start.
  const PackedSequences& packed(In starts) const { return packed_.at(starts.id); }
  void know(ValueId starts, const PackedSequences& packed) { packed_[starts] = packed; }

  const ValueType& type(ValueId id) const { return chunk.program.type(id); }
  // A new tensor of the operand's type, to be filled and put.
  at::Tensor make(Out operand) const { return empty(type(operand.id), rank.device); }
  // The same of as many rows as there are: those of experts differ between ranks.
  at::Tensor make(Out operand, std::int64_t rows) const {
    ValueType own = type(operand.id);
    own.shape.dims[0] = rows;
    return empty(own, rank.device);
  }

  // What an op may write its result into: the operand's own memory where nobody reads it any more, else a copy. The
  // count of live bytes holds both, as the plan does.
  at::Tensor own_or_copy(In operand) const {
    const at::Tensor& value = (*this)[operand];
    return std::find(dying.begin(), dying.end(), operand.id) != dying.end() ? value : value.clone();
  }

  // The op's result. An operand that the op leaves out is dropped.
  void put(Out operand, at::Tensor tensor) {
    if (!has(operand)) return;
    const Value& value = chunk.program[operand.id];
    check_is(tensor, value.type, value.name);
    hold(operand.id, std::move(tensor));
  }
  // A tensor that comes from outside. Counted unless it is data.
  void hold(ValueId id, at::Tensor tensor) {
    if (chunk.program[id].role != Role::data) rank.ledger.hold(held_bytes(tensor));
    adopt(id, std::move(tensor));
  }
  // The same for one that is counted already.
  void adopt(ValueId id, at::Tensor tensor) { table_[static_cast<std::size_t>(id)] = std::move(tensor); }
  void release(ValueId id) {
    at::Tensor& value = table_[static_cast<std::size_t>(id)];
    if (!value.defined()) return;
    rank.ledger.release(held_bytes(value));
    value.reset();
  }

 private:
  ValueTable& table_;
  std::map<ValueId, PackedSequences> packed_;
};

}  // namespace perfbench
