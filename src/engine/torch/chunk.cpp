#include "engine/torch/chunk.h"

#include <ATen/ops/zeros.h>

#include <algorithm>
#include <stdexcept>

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

class Maker {
 public:
  Maker(Chunk& chunk, const Policy& policy, int dp_rank, at::Device device)
      : chunk_(chunk), program_(chunk.program), policy_(policy), dp_rank_(dp_rank), device_(device) {}

  void run() {
    chunk_.states.resize(program_.values.size());
    const bool scattered = policy_.distributed_optimizer && replicas(program_) > 1;
    for (const Bucket& bucket : perfbench::buckets(program_)) add_bucket(bucket, scattered);
    for (std::size_t i = 0; i < program_.values.size(); ++i) {
      const Value& value = program_.values[i];
      if (value.state == StateKind::none || chunk_.states[i].defined()) continue;
      chunk_.states[i] = count(empty(value.type, device_).zero_());
    }
    if (scattered) return;
    for (ValueId grad : states(program_, StateKind::main_grad)) add_whole(grad);
  }

 private:
  at::Tensor count(at::Tensor tensor) {
    chunk_.state_bytes += held_bytes(tensor);
    return tensor;
  }

  void add_bucket(const Bucket& bucket, bool scattered) {
    const std::int64_t size = bucket.shard * replicas(program_);
    const ValueId first = bucket.main_grads.front().id;
    BucketBuffers buffers{.bucket = bucket,
                          .weights = count(zeros(size, program_.type(program_[first].weight).dtype, device_)),
                          .main_grads = count(zeros(size, program_.type(first).dtype, device_))};
    std::int64_t offset = 0;
    Share share{.main_grads = bucket.main_grads};
    const std::int64_t begin = dp_rank_ * bucket.shard, end = begin + bucket.shard;
    for (InOut grad : bucket.main_grads) {
      const ValueType& type = program_.type(grad.id);
      const ValueId weight = program_[grad.id].weight;
      chunk_.states[at_id(grad.id)] = view_as(buffers.main_grads, offset, type);
      chunk_.states[at_id(weight)] = view_as(buffers.weights, offset, program_.type(weight));
      const std::int64_t from = std::max(offset, begin), to = std::min(offset + type.shape.elements(), end);
      if (from < to) {
        share.ranges.push_back(
            {.main_grad = grad.id, .first = from - offset, .count = to - from, .offset = from - begin});
      }
      offset += type.shape.elements();
    }
    if (scattered) {
      share.weight = buffers.weights.narrow(0, begin, bucket.shard);
      share.main_grad = buffers.main_grads.narrow(0, begin, bucket.shard);
      add_share(std::move(share));
    }
    chunk_.buckets.push_back(std::move(buffers));
  }

  void add_whole(ValueId grad) {
    Share share{.weight = chunk_.states[at_id(program_[grad].weight)].view(-1),
                .main_grad = chunk_.states[at_id(grad)].view(-1)};
    share.main_grads = {{grad}};
    share.ranges = {{.main_grad = grad, .first = 0, .count = share.main_grad.numel(), .offset = 0}};
    add_share(std::move(share));
  }

  void add_share(Share share) {
    const std::int64_t size = share.weight.numel();
    share.master = policy_.master_weights ? count(zeros(size, DType::f32, device_)) : share.weight;
    share.moment = count(zeros(size, DType::f32, device_));
    share.moment2 = count(zeros(size, DType::f32, device_));
    chunk_.shares.push_back(std::move(share));
  }

  Chunk& chunk_;
  const Program& program_;
  const Policy& policy_;
  int dp_rank_;
  at::Device device_;
};

}  // namespace

const BucketBuffers& Chunk::bucket_of(ValueId state) const {
  for (const BucketBuffers& buffers : buckets) {
    for (InOut grad : buffers.bucket.main_grads) {
      if (grad.id == state || program[grad.id].weight == state) return buffers;
    }
  }
  throw std::logic_error("bucket_of: the state travels in no bucket");
}

Chunk make_chunk(const Program& program, const Policy& policy, int first_layer, int dp_rank, at::Device device) {
  Chunk chunk{.program = program, .first_layer = first_layer, .lifetimes = lifetimes(program)};
  const std::vector<ValueId> saved = saved_values(program);
  chunk.saves_output = std::find(saved.begin(), saved.end(), program.output) != saved.end();
  Maker(chunk, policy, dp_rank, device).run();
  return chunk;
}

}  // namespace perfbench
