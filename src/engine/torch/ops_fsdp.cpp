// Weights and their gradients between shares and wholes. A unit travels as one flat buffer that lives for the call.
#include "engine/torch/ops.h"

namespace perfbench {

void run(const GatherShards& op, Frame& frame) {
  const BucketBuffers& buffers = frame.chunk.bucket_of(as_states(op.shards));
  const std::int64_t shard = buffers.bucket.shard;
  Communicator& peers = frame.rank.over(op.group);
  const at::Tensor own = buffers.weights.to(scalar_type(op.dtype));  // the buffer itself where it is of this type
  const at::Tensor flat = empty(shard * peers.size(), op.dtype, frame.rank.device);
  peers.all_gather(own.data_ptr(), flat.data_ptr(), shard, op.dtype);
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
  Communicator& peers = frame.rank.over(op.group);
  const at::Tensor flat = empty(shard * peers.size(), op.dtype, frame.rank.device);
  flat.narrow(0, buffers.bucket.elements, flat.numel() - buffers.bucket.elements).zero_();
  std::int64_t offset = 0;
  for (In dw : op.dws) {
    const at::Tensor& whole = frame[dw];
    flat.narrow(0, offset, whole.numel()).copy_(whole.view(-1));
    offset += whole.numel();
  }
  const at::Tensor sum = empty(shard, op.dtype, frame.rank.device);
  peers.reduce_scatter(flat.data_ptr(), sum.data_ptr(), shard, op.dtype);
  at::Tensor(buffers.main_grads).add_(sum);
}

void run(const ReduceShares& op, Frame& frame) {
  for (const Share* share : frame.chunk.shares_of(op.main_grads)) {
    frame.rank.over(op.group).all_reduce(share->main_grad.data_ptr(), share->main_grad.numel(),
                                         frame.type(op.main_grads.front().id).dtype, Reduction::sum);
  }
}

}  // namespace perfbench
