// The values of a Program: tensors with local shapes, one row each in the value table.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <vector>

#include "base/dtype.h"
#include "program/axis.h"

namespace perfbench {

using ValueId = std::int32_t;
inline constexpr ValueId kNoValue = -1;

// At most three dimensions; activations are tokens x features, tokens in sequence-major order.
struct Shape {
  std::array<std::int64_t, 3> dims{};
  int rank = 0;

  Shape() = default;
  Shape(std::initializer_list<std::int64_t> sizes) {
    for (std::int64_t size : sizes) dims[static_cast<std::size_t>(rank++)] = size;
  }
  std::int64_t operator[](int dim) const { return dims[static_cast<std::size_t>(dim)]; }
  std::int64_t elements() const {
    std::int64_t product = 1;
    for (int dim = 0; dim < rank; ++dim) product *= (*this)[dim];
    return product;
  }
  bool operator==(const Shape&) const = default;
};

struct ValueType {
  Shape shape;  // local to one rank
  DType dtype = DType::bf16;
  PerAxis<Placement> placement;

  std::int64_t bytes() const { return shape.elements() * size_bytes(dtype); }
  // Its local size is a mean: how large it is on one rank, the step's data say.
  bool uneven() const {
    for (const Placement& p : placement.of) {
      if (p.uneven) return true;
    }
    return false;
  }
  bool operator==(const ValueType&) const = default;
};

// bf16[8192,4096]{tp:split0}, for messages and listings.
std::string to_string(const ValueType& type);

enum class Role : std::uint8_t {
  data,        // tokens, targets: given to the step
  boundary,    // an activation or gradient that comes from a neighbouring chunk
  activation,  // made by an op of the forward
  gradient,    // made by an op of the backward
  state        // belongs to the stage and outlives the microbatch
};

enum class StateKind : std::uint8_t {
  none,
  weight,           // what the forward reads, or what it is cast from
  cast,             // the weight in FP8
  cast_transposed,  // the same, transposed for the data-gradient GEMM
  cast_scale,       // what the copy in FP8 is to be multiplied with
  gathered,         // a weight of which the rank holds a share, whole for as long as a step lasts
  main_grad         // the sum of the weight's gradients over microbatches
};

// A part of a weight, as rows of a tensor of the Hugging Face model. A weight is the concatenation of its pieces along
// dim 0; each is split over tp as the weight is, or, where there are more ranks than heads, with copies.
struct Piece {
  std::string tensor;            // "model.layers.{}.mlp.up_proj.weight"; {} is the layer's number in the model
  std::int64_t rows = 0;         // of this piece on one rank
  int copies = 1;                // neighbouring tp ranks that hold the same rows
  std::int64_t model_rows = 0;   // of this piece in the model; what a rank holds beyond them is padding: zeros
  std::int64_t first_row = 0;    // of this piece in the Hugging Face tensor
  std::int64_t tensor_rows = 0;  // of that tensor; 0: the piece is all of it
  bool transposed = false;       // the tensor is stored (in, out): its columns are the rows meant here
};
using Pieces = std::vector<Piece>;  // of a weight of experts: of one of them, and {e} in a name is its number

// A range of Program::sources.
struct SourceRange {
  std::int32_t first = 0, count = 0;
};

struct Value {
  const char* name = "";  // a literal, relative to the layer: "qkv"
  int layer = -1;         // index in the chunk; -1: outside the layers
  Role role = Role::activation;
  ValueType type{};
  StateKind state = StateKind::none;
  ValueId weight = kNoValue;  // of a cast, a gathered copy or a main gradient: the weight it belongs to
  View view = View::dense;    // of a weight or main gradient: whose copies hold it
  bool trainable = true;      // of a weight
  bool fp8_held = false;      // of a weight: the stack keeps it in FP8 only
  bool shared = false;        // of a weight: another pipeline stage holds it, too (tied embeddings)
  bool copy = false;          // of a shared weight: the other stage's counts in norms and as the parameter
  bool sharded = false;       // of a weight or main gradient: its type is the whole, the rank holds a share (buckets.h)
  SourceRange sources{};      // of a weight: its pieces
};

}  // namespace perfbench
