#include "engine/torch/state_map.h"

#include <ATen/ops/equal.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <set>
#include <utility>

#include "base/error.h"
#include "engine/torch/tensors.h"

namespace perfbench {
namespace {

// The part of the Hugging Face tensor that a piece is, as a view of both. Empty where the rank holds padding only.
struct Overlap {
  at::Tensor local, whole;
};

// `local`: the piece's rows on a rank that stands at `at`.
Overlap overlap(const at::Tensor& local, const at::Tensor& whole, const ModelPiece& located, const Value& value,
                const Coordinates& at) {
  const Piece& piece = located.piece;
  const MatrixSplit matrix = matrix_split(value);
  const int rank = along(matrix.axis, at);
  const std::int64_t first = matrix.placement.is_split(0) ? piece.rows * (rank / piece.copies) : 0;  // within the piece
  const std::int64_t rows = std::clamp<std::int64_t>(piece.model_rows - first, 0, piece.rows);
  const at::Tensor upright = piece.transposed ? whole.t() : whole;
  Overlap both{.local = local.narrow(0, 0, rows),
               .whole = upright.narrow(0, rows > 0 ? piece.first_row + first : 0, rows)};
  if (matrix.placement.is_split(1)) both.whole = both.whole.narrow(1, local.size(1) * rank, local.size(1));
  return both;
}

// What a piece and a range of the same weight have in common: elements of the piece's own rows and of the buffer that
// the range lies in.
struct Common {
  std::int64_t of_piece = 0, of_buffer = 0, count = 0;
};

std::vector<Common> common(const std::vector<ShareRange>& ranges, const ModelPiece& located, const Value& value) {
  const Shape& shape = value.type.shape;
  const std::int64_t columns = shape.rank > 1 ? shape[shape.rank - 1] : 1;
  const std::int64_t begin = located.local_row * columns, end = begin + located.piece.rows * columns;
  std::vector<Common> list;
  for (const ShareRange& range : ranges) {
    const std::int64_t from = std::max(begin, range.first), to = std::min(end, range.first + range.count);
    if (range.weight != located.weight || from >= to) continue;
    list.push_back({.of_piece = from - begin, .of_buffer = range.offset + from - range.first, .count = to - from});
  }
  return list;
}

// The piece's rows of a whole weight: (N, K) of each expert together.
at::Tensor rows_of(const at::Tensor& whole, const ModelPiece& located) {
  const at::Tensor matrix = whole.dim() == 3 ? whole.flatten(0, 1) : whole;
  return matrix.narrow(0, located.local_row, located.piece.rows);
}

// What a rank keeps in shares.
void take_ranges(const at::Tensor& local, const std::vector<Common>& ranges, const at::Tensor& buffer) {
  for (const Common& range : ranges) {
    local.view(-1).narrow(0, range.of_piece, range.count).copy_(buffer.narrow(0, range.of_buffer, range.count));
  }
}

void load_ranges(const at::Tensor& buffer, const std::vector<Common>& ranges, const at::Tensor& local) {
  for (const Common& range : ranges) {
    buffer.narrow(0, range.of_buffer, range.count).copy_(local.view(-1).narrow(0, range.of_piece, range.count));
  }
}

// A weight that is never updated: whole on every rank, or in shares.
void add_frozen(const Chunk& chunk, const ModelPiece& located, const at::Tensor& local) {
  const at::Tensor& whole = chunk.states[static_cast<std::size_t>(located.weight)];
  if (whole.defined()) {
    local.copy_(rows_of(whole, located));
    return;
  }
  const BucketBuffers& buffers = chunk.bucket_with(located.weight);
  take_ranges(local, common(buffers.ranges, located, chunk.program[located.weight]), buffers.weights);
}

// Writes what one rank knows of the piece into `local`, its rows in float32 on the host: its own share.
void add_local(const Chunk& chunk, const ModelPiece& located, ParameterTensor part, const at::Tensor& local) {
  const Value& value = chunk.program[located.weight];
  if (part == ParameterTensor::weight && !value.trainable) return add_frozen(chunk, located, local);
  for (const Share& share : chunk.shares) {
    const at::Tensor& source = part == ParameterTensor::main_grad ? share.main_grad : share.master;
    take_ranges(local, common(share.ranges, located, value), source);
  }
}

// The piece's rows, float32, into all that this rank holds of the weight: the weight, or its share, and the master
// copies.
void load_local(Chunk& chunk, const ModelPiece& located, const at::Tensor& local) {
  const Value& value = chunk.program[located.weight];
  const at::Tensor& whole = chunk.states[static_cast<std::size_t>(located.weight)];
  if (whole.defined()) {
    rows_of(whole, located).copy_(local);
  } else {
    const BucketBuffers& buffers = chunk.bucket_with(located.weight);
    load_ranges(buffers.weights, common(buffers.ranges, located, value), local);
  }
  for (const Share& share : chunk.shares) {
    if (!share.master.is_same(share.weight)) load_ranges(share.master, common(share.ranges, located, value), local);
  }
}

// Room for the piece's rows.
at::Tensor local_zeros(const ModelPiece& located, const Value& value, at::Device device) {
  const Shape& shape = value.type.shape;
  std::vector<std::int64_t> sizes = {located.piece.rows};
  if (shape.rank > 1) sizes.push_back(shape[shape.rank - 1]);
  return at::zeros(sizes, at::TensorOptions().dtype(at::kFloat).device(device));
}

// Ranks of one such place hold the same of a weight of this view, in shares.
using Place = std::array<int, 3>;

Place place_of(const Rank& rank, View view) {
  if (view == View::expert) return {rank.at.stage, rank.at.etp, rank.at.ep};
  return {rank.at.stage, rank.at.tp, 0};
}

// Of a chunk with the experts of these ranks of ep, layer by layer those of one expert together.
std::vector<ModelPiece> pieces_of_all(const Chunk& chunk, const std::set<int>& ep_ranks) {
  std::vector<ModelPiece> list;
  for (const int ep : ep_ranks) {
    for (ModelPiece& located : model_pieces(chunk.program, chunk.first_layer, ep)) {
      if (list.empty() || located.expert >= 0 || ep == *ep_ranks.begin()) list.push_back(std::move(located));
    }
  }
  std::map<int, ValueId> first_of_layer;  // of its experts' weights, which are made one after the other
  for (const ModelPiece& located : list) {
    if (located.expert >= 0) first_of_layer.try_emplace(chunk.program[located.weight].layer, located.weight);
  }
  const auto order = [&](const ModelPiece& located) {
    if (located.expert < 0) return std::pair(located.weight, -1);
    return std::pair(first_of_layer.at(chunk.program[located.weight].layer), located.expert);
  };
  std::ranges::stable_sort(list, {}, order);
  return list;
}

}  // namespace

RankStates states_of(Rank& rank, std::vector<Chunk>& chunks) {
  RankStates states{.rank = &rank, .chunks = &chunks};
  for (std::size_t c = 0; c < chunks.size(); ++c) {
    for (ModelPiece& located : model_pieces(chunks[c].program, chunks[c].first_layer, rank.at.ep)) {
      std::vector<PlacedPiece>& same = states.pieces[located.name];
      same.push_back({.chunk = c, .located = std::move(located)});
    }
  }
  return states;
}

at::Tensor on_host(const HostTensor& tensor) {
  return at::from_blob(const_cast<std::byte*>(tensor.data.data()), tensor.shape,
                       at::TensorOptions().dtype(scalar_type(tensor.dtype)));
}

std::vector<Parameter> parameters_of(const std::vector<RankStates>& ranks, int pp, int vp) {
  std::vector<Parameter> list;
  std::set<std::string> seen;
  for (int c = 0; c < vp * pp; ++c) {  // chunks in the order of the model
    const Chunk* chunk = nullptr;      // alike on all ranks of the stage but for their experts
    std::set<int> ep_ranks;
    for (const RankStates& states : ranks) {
      if (states.rank->at.stage != c % pp) continue;
      chunk = &(*states.chunks)[static_cast<std::size_t>(c / pp)];
      ep_ranks.insert(states.rank->at.ep);
    }
    if (chunk == nullptr) continue;
    for (const ModelPiece& located : pieces_of_all(*chunk, ep_ranks)) {
      if (!seen.insert(located.name).second) continue;
      const Value& value = chunk->program[located.weight];
      list.push_back({.name = located.name,
                      .dtype = value.type.dtype,
                      .shape = model_shape(located, value, chunk->program.mesh.size[matrix_split(value).axis]),
                      .trainable = value.trainable});
    }
  }
  return list;
}

void load_parameter(const std::vector<RankStates>& ranks, const std::string& name, const at::Tensor& whole) {
  for (const RankStates& states : ranks) {
    const auto found = states.pieces.find(name);
    if (found == states.pieces.end()) continue;
    for (const auto& [c, located] : found->second) {
      Chunk& chunk = (*states.chunks)[c];
      const Value& value = chunk.program[located.weight];
      // float32: the masters keep what rounding takes away.
      const at::Tensor local = local_zeros(located, value, whole.device());
      const Overlap part = overlap(local, whole, located, value, states.rank->at);
      part.local.copy_(part.whole);
      load_local(chunk, located, local);
    }
  }
}

namespace {

// The piece's rows as all ranks of one place hold them together.
at::Tensor put_together(const std::vector<RankStates>& ranks, const PlacedPiece& placed, const Place& place, View view,
                        ParameterTensor part) {
  at::Tensor local;
  for (const RankStates& peer : ranks) {
    if (place_of(*peer.rank, view) != place) continue;
    const Chunk& chunk = (*peer.chunks)[placed.chunk];
    if (!local.defined()) local = local_zeros(placed.located, chunk.program[placed.located.weight], at::kCPU);
    add_local(chunk, placed.located, part, local);
  }
  return local;
}

}  // namespace

HostTensor whole_parameter(const std::vector<RankStates>& ranks, const Parameter& parameter, ParameterTensor part) {
  const at::Tensor whole = at::zeros(parameter.shape, at::kFloat);
  std::set<Place> done;
  for (const RankStates& holder : ranks) {
    const auto found = holder.pieces.find(parameter.name);
    if (found == holder.pieces.end()) continue;
    const auto value_of = [&](const PlacedPiece& placed) -> const Value& {
      return (*holder.chunks)[placed.chunk].program[placed.located.weight];
    };
    const View view = value_of(found->second.front()).view;
    const Place place = place_of(*holder.rank, view);
    if (!done.insert(place).second) continue;
    for (const PlacedPiece& placed : found->second) {
      const Value& value = value_of(placed);
      const at::Tensor local = put_together(ranks, placed, place, view, part);
      const Overlap both = overlap(local, whole, placed.located, value, holder.rank->at);
      if (along(matrix_split(value).axis, holder.rank->at) % placed.located.piece.copies == 0) {
        both.whole.copy_(both.local);
      } else {
        check(at::equal(both.whole, both.local), "session: copies of key/value heads differ between tp ranks");
      }
    }
  }
  HostTensor tensor{.name = parameter.name, .dtype = DType::f32, .shape = parameter.shape, .data = {}};
  tensor.data.resize(static_cast<std::size_t>(whole.numel()) * sizeof(float));
  std::memcpy(tensor.data.data(), whole.data_ptr(), tensor.data.size());
  return tensor;
}

}  // namespace perfbench
