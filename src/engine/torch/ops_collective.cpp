#include <numeric>
#include <vector>

#include "base/error.h"
#include "engine/torch/ops.h"

namespace perfbench {

namespace {

// Elements of each rank of etp, where `counts` says how many rows of experts it has.
std::vector<std::int64_t> rows_of_experts(In counts, In rows, const Frame& frame) {
  const Shape& shape = frame.type(rows.id).shape;
  std::vector<std::int64_t> parts = frame.expert_rows.at(counts.id).gathered;
  for (std::int64_t& part : parts) part *= shape.rank == 2 ? shape[1] : 1;
  return parts;
}

}  // namespace

void run(const AllGather& op, Frame& frame) {
  const at::Tensor& x = frame[op.x];
  Communicator& peers = frame.rank.over(op.axis);
  const DType dtype = frame.type(op.x.id).dtype;
  if (!Frame::has(op.counts)) {
    const at::Tensor out = frame.make(op.out);
    peers.all_gather(x.data_ptr(), out.data_ptr(), x.numel(), dtype);
    return frame.put(op.out, out);
  }
  const std::vector<std::int64_t>& rows = frame.expert_rows.at(op.counts.id).gathered;
  const at::Tensor out = frame.make(op.out, std::accumulate(rows.begin(), rows.end(), std::int64_t{0}));
  peers.all_gather_parts(x.data_ptr(), out.data_ptr(), rows_of_experts(op.counts, op.x, frame), dtype);
  frame.put(op.out, out);
}

void run(const ReduceScatter& op, Frame& frame) {
  const at::Tensor& x = frame[op.x];
  Communicator& peers = frame.rank.over(op.axis);
  const DType dtype = frame.type(op.out.id).dtype;
  if (!Frame::has(op.counts)) {
    const at::Tensor out = frame.make(op.out);
    peers.reduce_scatter(x.data_ptr(), out.data_ptr(), out.numel(), dtype);
    return frame.put(op.out, out);
  }
  const ExpertRows& rows = frame.expert_rows.at(op.counts.id);
  const at::Tensor out = frame.make(op.out, rows.gathered[static_cast<std::size_t>(peers.rank())]);
  peers.reduce_scatter_parts(x.data_ptr(), out.data_ptr(), rows_of_experts(op.counts, op.x, frame), dtype);
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
  Communicator& copies = frame.rank.over(op.group);
  copies.all_gather(part(buffers.weights, shard, copies.rank()), buffers.weights.data_ptr(), shard,
                    frame.type(op.weights.front().id).dtype);
}

void run(const ReduceGrads& op, Frame& frame) {
  const BucketBuffers& buffers = frame.chunk.bucket_of(op.main_grads);
  const std::int64_t shard = buffers.bucket.shard;
  const DType dtype = frame.type(op.main_grads.front().id).dtype;
  Communicator& copies = frame.rank.over(op.group);
  if (op.scatter) {
    copies.reduce_scatter(buffers.main_grads.data_ptr(), part(buffers.main_grads, shard, copies.rank()), shard, dtype);
  } else {
    copies.all_reduce(buffers.main_grads.data_ptr(), buffers.main_grads.numel(), dtype, Reduction::sum);
  }
}

void run(const ReducePartialGrads& op, Frame& frame) {
  for (InOut grad : op.main_grads) {
    const at::Tensor& sum = frame[grad];
    frame.rank.over(op.axis).all_reduce(sum.data_ptr(), sum.numel(), frame.type(grad.id).dtype, Reduction::sum);
  }
}

void run(const ReduceCopiedRows& op, Frame& frame) {
  const bool in_place = op.main_grad.id != kNoValue;
  const at::Tensor sum = in_place ? frame[op.main_grad] : frame.make(op.sum).copy_(frame[op.dw]);
  const at::Tensor rows = sum.narrow(0, op.first_row, op.rows);
  const DType dtype = frame.type(in_place ? op.main_grad.id : op.sum.id).dtype;
  frame.rank.over(Group::kv_copies).all_reduce(rows.data_ptr(), rows.numel(), dtype, Reduction::sum);
  if (!in_place) frame.put(op.sum, sum);
}

// Each bucket of a shared weight holds that weight alone, so that both stages have cut it into the same shares.
void run(const ReduceSharedGrads& op, Frame& frame) {
  Communicator& ends = frame.rank.over(Group::ends);
  check(ends.size() == 2, "reduce_shared_grads: the rank has no group with the other stage");
  for (InOut grad : op.main_grads) {
    for (const Share* share : frame.chunk.shares_of({grad})) {
      ends.all_reduce(share->main_grad.data_ptr(), share->main_grad.numel(), frame.type(grad.id).dtype, Reduction::sum);
    }
  }
}

}  // namespace perfbench
