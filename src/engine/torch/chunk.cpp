#include "engine/torch/chunk.h"

#include <ATen/ops/zeros.h>

#include <algorithm>
#include <set>
#include <stdexcept>

#include "base/error.h"
#include "engine/torch/tensors.h"

namespace perfbench {
namespace {

std::size_t at_id(ValueId id) { return static_cast<std::size_t>(id); }

at::Tensor view_as(const at::Tensor& flat, std::int64_t offset, const ValueType& type) {
  return flat.narrow(0, offset, type.shape.elements())
      .view(at::IntArrayRef(type.shape.dims.data(), static_cast<std::size_t>(type.shape.rank)));
}

at::Tensor zeros(std::int64_t elements, DType dtype, at::Device device) {
  return at::zeros({elements}, at::TensorOptions().dtype(scalar_type(dtype)).device(device));
}

bool holds(const InOutList& list, ValueId state) { return std::ranges::find(list, state, &InOut::id) != list.end(); }

bool same(const InOutList& a, const InOutList& b) { return std::ranges::equal(a, b, {}, &InOut::id, &InOut::id); }

class Maker {
 public:
  Maker(Chunk& chunk, const Policy& policy, int rank, at::Device device)
      : chunk_(chunk), program_(chunk.program), policy_(policy), rank_(rank), device_(device) {}

  void run() {
    chunk_.states.resize(program_.values.size());
    for (const Bucket& bucket : perfbench::buckets(program_)) add_bucket(bucket);
    for (std::size_t i = 0; i < program_.values.size(); ++i) {
      const Value& value = program_.values[i];
      if (value.state == StateKind::none || value.sharded || chunk_.states[i].defined()) continue;
      chunk_.states[i] = count(empty(value.type, device_).zero_());
    }
    std::set<ValueId> shared;
    for (const Share& share : chunk_.shares) {
      for (InOut grad : share.main_grads) shared.insert(grad.id);
    }
    for (ValueId grad : states(program_, StateKind::main_grad)) {
      if (!shared.contains(grad)) add_whole(grad);
    }
  }

 private:
  at::Tensor count(at::Tensor tensor) {
    chunk_.state_bytes += held_bytes(tensor);
    return tensor;
  }

  std::int64_t index_in(const Bucket& bucket) const { return program_.mesh.index(rank_, bucket.group); }

  // A flat buffer of a bucket's weights or main gradients.
  at::Tensor buffer(const Bucket& bucket, const InOutList& held, bool sharded) {
    if (held.empty()) return {};
    const std::int64_t size = bucket.shard * (sharded ? 1 : bucket.ranks);
    const at::Tensor flat = count(zeros(size, program_.type(held.front().id).dtype, device_));
    std::int64_t offset = 0;
    for (InOut state : held) {
      if (sharded) break;
      chunk_.states[at_id(state.id)] = view_as(flat, offset, program_.type(state.id));
      offset += program_.type(state.id).shape.elements();
    }
    return flat;
  }

  // What of the bucket is in this rank's shard.
  std::vector<ShareRange> ranges_of(const Bucket& bucket) const {
    std::vector<ShareRange> ranges;
    const std::int64_t begin = index_in(bucket) * bucket.shard, end = begin + bucket.shard;
    std::int64_t offset = 0;
    for (InOut weight : bucket.weights) {
      const std::int64_t elements = program_.type(weight.id).shape.elements();
      const std::int64_t from = std::max(offset, begin), to = std::min(offset + elements, end);
      if (from < to) {
        ranges.push_back({.weight = weight.id, .first = from - offset, .count = to - from, .offset = from - begin});
      }
      offset += elements;
    }
    return ranges;
  }

  at::Tensor shard_of(const at::Tensor& buffer, const Bucket& bucket, bool sharded) const {
    return sharded ? buffer : buffer.narrow(0, index_in(bucket) * bucket.shard, bucket.shard);
  }

  // Whether each of the ranks that hold the bucket updates a share of it.
  bool scattered(const Bucket& bucket) const {
    const View view = program_[bucket.weights.front().id].view;
    return bucket.sharded_weights || (policy_.distributed_optimizer && program_.mesh.copies(view) > 1);
  }

  void add_bucket(const Bucket& bucket) {
    BucketBuffers buffers{.bucket = bucket,
                          .weights = buffer(bucket, bucket.weights, bucket.sharded_weights),
                          .main_grads = buffer(bucket, bucket.main_grads, bucket.sharded_main_grads),
                          .ranges = ranges_of(bucket)};
    if (scattered(bucket) && !bucket.main_grads.empty()) {
      add_share({.weight = shard_of(buffers.weights, bucket, bucket.sharded_weights),
                 .main_grad = shard_of(buffers.main_grads, bucket, bucket.sharded_main_grads),
                 .main_grads = bucket.main_grads,
                 .ranges = buffers.ranges});
    }
    chunk_.buckets.push_back(std::move(buffers));
  }

  void add_whole(ValueId grad) {
    Share share{.weight = chunk_.states[at_id(program_[grad].weight)].view(-1),
                .main_grad = chunk_.states[at_id(grad)].view(-1)};
    share.main_grads = {{grad}};
    share.ranges = {{.weight = program_[grad].weight, .first = 0, .count = share.main_grad.numel(), .offset = 0}};
    add_share(std::move(share));
  }

  void add_share(Share share) {
    const std::int64_t size = share.weight.numel();
    share.master = policy_.master_weights ? count(zeros(size, DType::f32, device_)) : share.weight;
    share.moment = count(zeros(size, policy_.moments, device_));
    share.moment2 = count(zeros(size, policy_.moments, device_));
    chunk_.shares.push_back(std::move(share));
  }

  Chunk& chunk_;
  const Program& program_;
  const Policy& policy_;
  int rank_;
  at::Device device_;
};

}  // namespace

const BucketBuffers& Chunk::bucket_with(ValueId state) const {
  for (const BucketBuffers& buffers : buckets) {
    if (holds(buffers.bucket.weights, state) || holds(buffers.bucket.main_grads, state)) return buffers;
  }
  throw std::logic_error("chunk: the state travels in no bucket");
}

const BucketBuffers& Chunk::bucket_of(const InOutList& list) const {
  for (const BucketBuffers& buffers : buckets) {
    if (same(buffers.bucket.weights, list) || same(buffers.bucket.main_grads, list)) return buffers;
  }
  throw std::logic_error("chunk: the states that an op names are no bucket");
}

std::vector<const Share*> Chunk::shares_of(const InOutList& main_grads) const {
  std::vector<bool> named(program.values.size(), false);
  for (InOut grad : main_grads) named[at_id(grad.id)] = true;
  std::vector<const Share*> list;
  std::size_t found = 0;
  for (const Share& share : shares) {
    const auto held = std::ranges::count_if(share.main_grads, [&](InOut grad) { return named[at_id(grad.id)]; });
    if (held == 0) continue;
    check(held == std::ssize(share.main_grads), "chunk: an op names a part of a bucket");
    list.push_back(&share);
    found += share.main_grads.size();
  }
  check(found == main_grads.size(), "chunk: an op names a main gradient that nobody updates");
  return list;
}

Chunk make_chunk(const Program& program, const Policy& policy, int first_layer, int rank, at::Device device) {
  Chunk chunk{.program = program, .first_layer = first_layer, .lifetimes = lifetimes(program)};
  const std::vector<ValueId> saved = saved_values(program);
  chunk.saves_output = std::find(saved.begin(), saved.end(), program.output) != saved.end();
  Maker(chunk, policy, rank, device).run();
  return chunk;
}

}  // namespace perfbench
