#include "engine/torch/state_map.h"

#include <ATen/ops/equal.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <cstring>
#include <set>

#include "base/error.h"
#include "engine/torch/tensors.h"
#include "engine/weights/model_pieces.h"

namespace perfbench {
namespace {

// The part of the Hugging Face tensor that a piece is, as a view of both. Empty where the rank holds padding only.
struct Overlap {
  at::Tensor local, whole;
};

Overlap overlap(const at::Tensor& local, const at::Tensor& whole, const ModelPiece& located, const Value& value,
                int tp_rank) {
  const Piece& piece = located.piece;
  const Placement& tp = value.type.placement[Axis::tp];
  const std::int64_t first = tp.is_split(0) ? piece.rows * (tp_rank / piece.copies) : 0;  // within the piece
  const std::int64_t rows = std::clamp<std::int64_t>(piece.model_rows - first, 0, piece.rows);
  const at::Tensor upright = piece.transposed ? whole.t() : whole;
  Overlap both{.local = local.narrow(0, located.local_row, rows),
               .whole = upright.narrow(0, rows > 0 ? piece.first_row + first : 0, rows)};
  if (tp.is_split(1)) both.whole = both.whole.narrow(1, local.size(1) * tp_rank, local.size(1));
  return both;
}

// A weight that is never updated: whole on every rank, or in shares.
void add_frozen(const Chunk& chunk, ValueId weight, at::Tensor& flat) {
  const at::Tensor& whole = chunk.states[static_cast<std::size_t>(weight)];
  if (whole.defined()) {
    flat.copy_(whole.view(-1));
    return;
  }
  const BucketBuffers& buffers = chunk.bucket_with(weight);
  for (const ShareRange& range : buffers.ranges) {
    if (range.weight != weight) continue;
    flat.narrow(0, range.first, range.count).copy_(buffers.weights.narrow(0, range.offset, range.count));
  }
}

// Writes what one rank knows of the weight's local values into `local`, (R, C) float32 on the host: its own share.
void add_local(const Chunk& chunk, ValueId weight, ParameterTensor part, at::Tensor& local) {
  at::Tensor flat = local.view(-1);
  if (part == ParameterTensor::weight && !chunk.program[weight].trainable) return add_frozen(chunk, weight, flat);
  for (const Share& share : chunk.shares) {
    for (const ShareRange& range : share.ranges) {
      if (range.weight != weight) continue;
      const at::Tensor& source = part == ParameterTensor::main_grad ? share.main_grad : share.master;
      flat.narrow(0, range.first, range.count).copy_(source.narrow(0, range.offset, range.count));
    }
  }
}

// The piece's elements of the weight's local values, (R, C) float32, into a flat buffer of these ranges.
void load_ranges(const std::vector<ShareRange>& ranges, const ModelPiece& located, const at::Tensor& local,
                 const at::Tensor& buffer) {
  const at::Tensor flat = local.view(-1);
  const std::int64_t columns = local.dim() == 2 ? local.size(1) : 1;
  const std::int64_t begin = located.local_row * columns, end = begin + located.piece.rows * columns;
  for (const ShareRange& range : ranges) {
    if (range.weight != located.weight) continue;
    const std::int64_t from = std::max(begin, range.first), to = std::min(end, range.first + range.count);
    if (from >= to) continue;
    buffer.narrow(0, range.offset + from - range.first, to - from).copy_(flat.narrow(0, from, to - from));
  }
}

// The same into all that this rank holds of the weight: the weight, or its share, and the master copies.
void load_local(Chunk& chunk, const ModelPiece& located, const at::Tensor& local) {
  const at::Tensor& whole = chunk.states[static_cast<std::size_t>(located.weight)];
  if (whole.defined()) {
    whole.narrow(0, located.local_row, located.piece.rows)
        .copy_(local.narrow(0, located.local_row, located.piece.rows));
  } else {
    const BucketBuffers& buffers = chunk.bucket_with(located.weight);
    load_ranges(buffers.ranges, located, local, buffers.weights);
  }
  for (const Share& share : chunk.shares) {
    if (!share.master.is_same(share.weight)) load_ranges(share.ranges, located, local, share.master);
  }
}

at::Tensor local_zeros(const ValueType& type, at::Device device) {
  return at::zeros(at::IntArrayRef(type.shape.dims.data(), static_cast<std::size_t>(type.shape.rank)),
                   at::TensorOptions().dtype(at::kFloat).device(device));
}

}  // namespace

at::Tensor on_host(const HostTensor& tensor) {
  return at::from_blob(const_cast<std::byte*>(tensor.data.data()), tensor.shape,
                       at::TensorOptions().dtype(scalar_type(tensor.dtype)));
}

std::vector<Parameter> parameters_of(const std::vector<RankStates>& ranks, int pp, int vp) {
  std::vector<Parameter> list;
  std::set<std::string> seen;
  for (int c = 0; c < vp * pp; ++c) {  // chunks in the order of the model
    for (const RankStates& states : ranks) {
      if (states.rank->at.stage != c % pp || states.rank->at.tp != 0 || states.rank->at.dp != 0) continue;
      const Chunk& chunk = (*states.chunks)[static_cast<std::size_t>(c / pp)];
      for (const ModelPiece& located : model_pieces(chunk.program, chunk.first_layer)) {
        if (!seen.insert(located.name).second) continue;
        const Value& value = chunk.program[located.weight];
        list.push_back({.name = located.name,
                        .dtype = value.type.dtype,
                        .shape = model_shape(located, value, states.rank->over(Axis::tp).size()),
                        .trainable = value.trainable});
      }
    }
  }
  return list;
}

void load_parameter(const std::vector<RankStates>& ranks, const std::string& name, const at::Tensor& whole) {
  for (const RankStates& states : ranks) {
    for (Chunk& chunk : *states.chunks) {
      for (const ModelPiece& located : model_pieces(chunk.program, chunk.first_layer)) {
        if (located.name != name) continue;
        const Value& value = chunk.program[located.weight];
        // float32: the masters keep what rounding takes away.
        const at::Tensor local = local_zeros(value.type, whole.device());
        const Overlap part = overlap(local, whole, located, value, states.rank->at.tp);
        part.local.copy_(part.whole);
        load_local(chunk, located, local);
      }
    }
  }
}

HostTensor whole_parameter(const std::vector<RankStates>& ranks, const Parameter& parameter, ParameterTensor part) {
  const at::Tensor whole = at::zeros(parameter.shape, at::kFloat);
  // Ranks of one stage and tp coordinate hold the same local tensor in shares.
  std::set<std::pair<int, int>> done;
  for (const RankStates& holder : ranks) {
    const std::pair<int, int> place{holder.rank->at.stage, holder.rank->at.tp};
    if (!done.insert(place).second) continue;
    for (std::size_t c = 0; c < holder.chunks->size(); ++c) {
      const Chunk& chunk = (*holder.chunks)[c];
      for (const ModelPiece& located : model_pieces(chunk.program, chunk.first_layer)) {
        if (located.name != parameter.name) continue;
        const Value& value = chunk.program[located.weight];
        at::Tensor local = local_zeros(value.type, at::kCPU);
        for (const RankStates& peer : ranks) {
          if (std::pair(peer.rank->at.stage, peer.rank->at.tp) == place) {
            add_local((*peer.chunks)[c], located.weight, part, local);
          }
        }
        const Overlap both = overlap(local, whole, located, value, holder.rank->at.tp);
        if (holder.rank->at.tp % located.piece.copies == 0) {
          both.whole.copy_(both.local);
        } else {
          check(at::equal(both.whole, both.local), "session: copies of key/value heads differ between tp ranks");
        }
      }
    }
  }
  HostTensor tensor{.name = parameter.name, .dtype = DType::f32, .shape = parameter.shape, .data = {}};
  tensor.data.resize(static_cast<std::size_t>(whole.numel()) * sizeof(float));
  std::memcpy(tensor.data.data(), whole.data_ptr(), tensor.data.size());
  return tensor;
}

}  // namespace perfbench
