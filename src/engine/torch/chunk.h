// The states of one chunk on one rank, and what runs it.
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

#include "program/buckets.h"
#include "program/liveness.h"
#include "program/policy.h"
#include "program/program.h"

namespace perfbench {

// A range of elements of one weight and of its main gradient, and where it stands in a flat buffer.
struct ShareRange {
  ValueId weight = kNoValue;
  std::int64_t first = 0, count = 0;  // of the weight's elements
  std::int64_t offset = 0;
};

// What this rank updates of a bucket, or of one weight where copies share nothing. All flat, of equal length.
struct Share {
  at::Tensor weight{};             // view of the weights
  at::Tensor main_grad{};          // view of the main gradients
  at::Tensor master{};             // float32; `weight` itself where there are no master copies
  at::Tensor moment{}, moment2{};  // of Policy::moments
  InOutList main_grads{};          // that the whole bucket holds
  std::vector<ShareRange> ranges{};
};

// Weights and main gradients that travel together.
struct BucketBuffers {
  Bucket bucket;
  at::Tensor weights, main_grads;    // flat: all with padding, or this rank's shard; frozen weights have no main_grads
  std::vector<ShareRange> ranges{};  // that the shard is made of
};

struct Chunk {
  const Program& program;
  int first_layer = 0;
  Lifetimes lifetimes{};
  bool saves_output = false;         // the backward reads what the forward sends
  std::vector<at::Tensor> states{};  // by value id; undefined where the value is no state, or sharded
  std::vector<BucketBuffers> buckets{};
  std::vector<Share> shares{};
  std::int64_t state_bytes = 0;

  const BucketBuffers& bucket_with(ValueId state) const;  // that holds a weight or a main gradient
  // The bucket of these weights, or of these main gradients: neither more nor less.
  const BucketBuffers& bucket_of(const InOutList& list) const;
  // What this rank updates of these main gradients, in the chunk's order. Of a bucket all are named, or none.
  std::vector<const Share*> shares_of(const InOutList& main_grads) const;
};

// Allocates all states of a chunk on one rank of the world, all zero: padding of weights stays so.
Chunk make_chunk(const Program& program, const Policy& policy, int first_layer, int rank, at::Device device);

}  // namespace perfbench
