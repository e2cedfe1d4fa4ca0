// What one rank does for one microbatch of one pipeline chunk, forward and backward over one value table. No rank
// number is in a Program.
#pragma once

#include <span>
#include <vector>

#include "job/module.h"
#include "program/datum.h"
#include "program/mesh.h"
#include "program/op.h"

namespace perfbench {

// One occurrence of a module: the norms of a layer are two of them.
struct ModuleScope {
  Module module = Module::core_attn;
  int outer = -1;  // index of the scope around it; -1: none
};

enum class When : std::uint8_t { always, first_microbatch, last_microbatch };  // of the global step

struct Node {
  Op op;
  When when = When::always;
  int layer = -1;  // index in the chunk; -1: outside the layers
  // A control edge that is no use: the op does not start before this value is made (a prefetch).
  ValueId after = kNoValue;
  int scope = -1;           // of a forward op: index in Program::scopes of the innermost module around it; -1: none
  bool recomputed = false;  // a forward op that the backward runs once more
};

// A value that a step gives, and what it is.
struct StepDatum {
  Datum datum{};
  ValueId value = kNoValue;
};

struct Program {
  Mesh mesh{};
  int num_layers = 0;
  int offloaded_layers = 0;  // the first of them: what they save waits in host memory (offload.h)
  std::vector<Value> values;
  Pieces sources;  // of all weights
  std::vector<Node> forward, backward;
  std::vector<Node> optimizer;      // once per global step
  std::vector<ModuleScope> scopes;  // modules around forward ops, in the order in which they begin

  std::vector<StepDatum> data;                            // what the chunk reads of the step's data, each once
  ValueId input = kNoValue, output = kNoValue;            // activations from and to the neighbouring chunks
  ValueId grad_output = kNoValue, grad_input = kNoValue;  // their gradients
  ValueId loss = kNoValue;  // of the last chunk: this rank's share, summed by whoever runs it

  const Value& operator[](ValueId id) const { return values[static_cast<std::size_t>(id)]; }
  Value& operator[](ValueId id) { return values[static_cast<std::size_t>(id)]; }
  const ValueType& type(ValueId id) const { return (*this)[id].type; }
  std::span<const Piece> pieces(ValueId weight) const {
    const SourceRange& range = (*this)[weight].sources;
    return std::span(sources).subspan(static_cast<std::size_t>(range.first), static_cast<std::size_t>(range.count));
  }
};

// The value that is the datum; kNoValue where the chunk does not read it.
ValueId value_of(const Program& program, Datum datum);

// Ids of the states of one kind, in the order in which they were made.
std::vector<ValueId> states(const Program& program, StateKind kind);

}  // namespace perfbench
