#include "base/error.h"
#include "engine/torch/ops.h"

namespace perfbench {

void run(const AllGather& op, Frame& frame) {
  const at::Tensor& x = frame[op.x];
  at::Tensor out = frame.make(op.out);
  frame.rank.over(op.axis).all_gather(x.data_ptr(), out.data_ptr(), x.numel(), frame.type(op.x.id).dtype);
  frame.put(op.out, out);
}

void run(const ReduceScatter& op, Frame& frame) {
  at::Tensor out = frame.make(op.out);
  frame.rank.over(op.axis).reduce_scatter(frame[op.x].data_ptr(), out.data_ptr(), out.numel(),
                                          frame.type(op.out.id).dtype);
  frame.put(op.out, out);
}

void run(const AllReduce& op, Frame& frame) {
  const at::Tensor out = frame[op.x].clone();
  frame.rank.over(op.axis).all_reduce(out.data_ptr(), out.numel(), frame.type(op.out.id).dtype, Reduction::sum);
  frame.put(op.out, out);
}

namespace {

char* part(const at::Tensor& flat, std::int64_t shard, int rank) {
  return static_cast<char*>(flat.data_ptr()) + shard * rank * flat.element_size();
}

}  // namespace

void run(const GatherParams& op, Frame& frame) {
  const BucketBuffers& buffers = frame.chunk.bucket_of(op.weights);
  const std::int64_t shard = buffers.bucket.shard;
  Communicator& dp = frame.rank.over(Axis::dp);
  dp.all_gather(part(buffers.weights, shard, dp.rank()), buffers.weights.data_ptr(), shard,
                frame.type(op.weights.front().id).dtype);
}

void run(const ReduceGrads& op, Frame& frame) {
  const BucketBuffers& buffers = frame.chunk.bucket_of(op.main_grads);
  const std::int64_t shard = buffers.bucket.shard;
  const DType dtype = frame.type(op.main_grads.front().id).dtype;
  Communicator& dp = frame.rank.over(Axis::dp);
  if (op.scatter) {
    dp.reduce_scatter(buffers.main_grads.data_ptr(), part(buffers.main_grads, shard, dp.rank()), shard, dtype);
  } else {
    dp.all_reduce(buffers.main_grads.data_ptr(), buffers.main_grads.numel(), dtype, Reduction::sum);
  }
}

void run(const ReducePartialGrads& op, Frame& frame) {
  for (InOut grad : op.main_grads) {
    const at::Tensor& sum = frame[grad];
    frame.rank.over(op.axis).all_reduce(sum.data_ptr(), sum.numel(), frame.type(grad.id).dtype, Reduction::sum);
  }
}

// Each bucket of a shared weight holds that weight alone, so that both stages have cut it into the same shares.
void run(const ReduceSharedGrads& op, Frame& frame) {
  check(frame.rank.shared != nullptr, "reduce_shared_grads: the rank has no group with the other stage");
  for (InOut grad : op.main_grads) {
    for (const Share* share : frame.chunk.shares_of({grad})) {
      frame.rank.shared->all_reduce(share->main_grad.data_ptr(), share->main_grad.numel(), frame.type(grad.id).dtype,
                                    Reduction::sum);
    }
  }
}

}  // namespace perfbench
