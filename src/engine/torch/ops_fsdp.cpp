// Weights and their gradients between shares and wholes. A unit travels as one flat buffer that lives for the call.
#include "engine/torch/ops.h"

namespace perfbench {

void run(const GatherShards& op, Frame& frame) {
  const BucketBuffers& buffers = frame.chunk.bucket_of(as_states(op.shards));
  const std::int64_t shard = buffers.bucket.shard;
  const DType dtype = frame.type(op.shards.front().id).dtype;
  Communicator& dp = frame.rank.over(Axis::dp);
  const at::Tensor flat = empty(shard * dp.size(), dtype, frame.rank.device);
  dp.all_gather(buffers.weights.data_ptr(), flat.data_ptr(), shard, dtype);
  std::int64_t offset = 0;
  const auto fill = [&](const at::Tensor& whole) {
    whole.view(-1).copy_(flat.narrow(0, offset, whole.numel()));
    offset += whole.numel();
  };
  for (Out weight : op.weights) {
    const at::Tensor whole = frame.make(weight);
    fill(whole);
    frame.put(weight, whole);
  }
  for (InOut weight : op.kept) fill(frame[weight]);
}

void run(const ScatterGrads& op, Frame& frame) {
  const BucketBuffers& buffers = frame.chunk.bucket_of(op.main_grads);
  const std::int64_t shard = buffers.bucket.shard;
  const DType dtype = frame.type(op.main_grads.front().id).dtype;
  Communicator& dp = frame.rank.over(Axis::dp);
  const at::Tensor flat = empty(shard * dp.size(), dtype, frame.rank.device);
  flat.narrow(0, buffers.bucket.elements, flat.numel() - buffers.bucket.elements).zero_();
  std::int64_t offset = 0;
  for (In dw : op.dws) {
    const at::Tensor& whole = frame[dw];
    flat.narrow(0, offset, whole.numel()).copy_(whole.view(-1));
    offset += whole.numel();
  }
  const at::Tensor sum = empty(shard, dtype, frame.rank.device);
  dp.reduce_scatter(flat.data_ptr(), sum.data_ptr(), shard, dtype);
  at::Tensor(buffers.main_grads).add_(sum);
}

}  // namespace perfbench
