// Every op through ATen, without autograd. One overload an op: a forgotten one does not compile.
#pragma once

#include "engine/torch/frame.h"

namespace perfbench {

// ops_linear.cpp
void run(const Matmul& op, Frame& frame);
void run(const AddMatmul& op, Frame& frame);
void run(const WeightGrad& op, Frame& frame);
void run(const WeightGradAccumulate& op, Frame& frame);
void run(const AddBias& op, Frame& frame);
void run(const BiasGrad& op, Frame& frame);
void run(const Accumulate& op, Frame& frame);
void run(const Add& op, Frame& frame);
void run(const Transpose& op, Frame& frame);
// ops_fp8.cpp
void run(const Quantize& op, Frame& frame);
void run(const CastWeight& op, Frame& frame);
// ops_norm.cpp
void run(const RmsNorm& op, Frame& frame);
void run(const RmsNormBackward& op, Frame& frame);
void run(const LayerNorm& op, Frame& frame);
void run(const LayerNormBackward& op, Frame& frame);
void run(const QkNorm& op, Frame& frame);
void run(const QkNormBackward& op, Frame& frame);
// ops_block.cpp
void run(const Rope& op, Frame& frame);
void run(const SwiGlu& op, Frame& frame);
void run(const SwiGluBackward& op, Frame& frame);
void run(const Activate& op, Frame& frame);
void run(const ActivateBackward& op, Frame& frame);
// ops_adapter.cpp
void run(const AdapterUp& op, Frame& frame);
void run(const AdapterUpBackward& op, Frame& frame);
void run(const AdapterWeightGrad& op, Frame& frame);
void run(const AdapterBackward& op, Frame& frame);
// ops_route.cpp
void run(const Route& op, Frame& frame);
void run(const RouteBackward& op, Frame& frame);
void run(const PlaceRows& op, Frame& frame);
// ops_dispatch.cpp
void run(const ShareCounts& op, Frame& frame);
void run(const Permute& op, Frame& frame);
void run(const Unpermute& op, Frame& frame);
void run(const AllToAll& op, Frame& frame);
void run(const Regroup& op, Frame& frame);
// ops_grouped.cpp
void run(const GroupedMatmul& op, Frame& frame);
void run(const GroupedWeightGrad& op, Frame& frame);
void run(const GroupedWeightGradAccumulate& op, Frame& frame);
// ops_attention.cpp
void run(const Attention& op, Frame& frame);
void run(const AttentionBackward& op, Frame& frame);
// ops_vocab.cpp
void run(const Embedding& op, Frame& frame);
void run(const EmbeddingBackward& op, Frame& frame);
void run(const CrossEntropy& op, Frame& frame);
void run(const CrossEntropyBackward& op, Frame& frame);
// ops_collective.cpp
void run(const AllGather& op, Frame& frame);
void run(const ReduceScatter& op, Frame& frame);
void run(const AllReduce& op, Frame& frame);
void run(const GatherParams& op, Frame& frame);
void run(const GatherShards& op, Frame& frame);
void run(const ScatterGrads& op, Frame& frame);
void run(const ReduceGrads& op, Frame& frame);
void run(const ReduceShares& op, Frame& frame);
void run(const ReducePartialGrads& op, Frame& frame);
void run(const ReduceCopiedRows& op, Frame& frame);
void run(const ReduceSharedGrads& op, Frame& frame);
// ops_optimizer.cpp
void run(const GradNorm& op, Frame& frame);
void run(const AdamW& op, Frame& frame);

}  // namespace perfbench
