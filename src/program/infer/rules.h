// One rule per op; infer() of an op that none of these takes does not compile.
#pragma once

#include "program/infer/context.h"

namespace perfbench {

// vocabulary.cpp
Types infer(const Embedding& op, const InferContext& c);
Types infer(const EmbeddingBackward& op, const InferContext& c);
Types infer(const CrossEntropy& op, const InferContext& c);
Types infer(const CrossEntropyBackward& op, const InferContext& c);

// norm.cpp
Types infer(const RmsNorm& op, const InferContext& c);
Types infer(const RmsNormBackward& op, const InferContext& c);
Types infer(const LayerNorm& op, const InferContext& c);
Types infer(const LayerNormBackward& op, const InferContext& c);
Types infer(const QkNorm& op, const InferContext& c);
Types infer(const QkNormBackward& op, const InferContext& c);

// linear.cpp
Types infer(const Matmul& op, const InferContext& c);
Types infer(const AddMatmul& op, const InferContext& c);
Types infer(const WeightGrad& op, const InferContext& c);
Types infer(const WeightGradAccumulate& op, const InferContext& c);
Types infer(const AddBias& op, const InferContext& c);
Types infer(const BiasGrad& op, const InferContext& c);
Types infer(const Accumulate& op, const InferContext& c);
Types infer(const Add& op, const InferContext& c);
Types infer(const Transpose& op, const InferContext& c);

// attention.cpp
Types infer(const Rope& op, const InferContext& c);
Types infer(const Attention& op, const InferContext& c);
Types infer(const AttentionBackward& op, const InferContext& c);

// activation.cpp
Types infer(const SwiGlu& op, const InferContext& c);
Types infer(const SwiGluBackward& op, const InferContext& c);
Types infer(const Activate& op, const InferContext& c);
Types infer(const ActivateBackward& op, const InferContext& c);

// adapter.cpp
Types infer(const AdapterUp& op, const InferContext& c);
Types infer(const AdapterUpBackward& op, const InferContext& c);
Types infer(const AdapterWeightGrad& op, const InferContext& c);
Types infer(const AdapterBackward& op, const InferContext& c);

// experts.cpp
Types infer(const Route& op, const InferContext& c);
Types infer(const RouteBackward& op, const InferContext& c);
Types infer(const PlaceRows& op, const InferContext& c);
Types infer(const ShareCounts& op, const InferContext& c);
Types infer(const Permute& op, const InferContext& c);
Types infer(const Unpermute& op, const InferContext& c);
Types infer(const AllToAll& op, const InferContext& c);
Types infer(const Regroup& op, const InferContext& c);
Types infer(const GroupedMatmul& op, const InferContext& c);
Types infer(const GroupedWeightGrad& op, const InferContext& c);
Types infer(const GroupedWeightGradAccumulate& op, const InferContext& c);

// quantize.cpp
Types infer(const Quantize& op, const InferContext& c);
Types infer(const CastWeight& op, const InferContext& c);

// collective.cpp
Types infer(const AllGather& op, const InferContext& c);
Types infer(const ReduceScatter& op, const InferContext& c);
Types infer(const AllReduce& op, const InferContext& c);

// sharding.cpp
Types infer(const GatherParams& op, const InferContext& c);
Types infer(const GatherShards& op, const InferContext& c);
Types infer(const ScatterGrads& op, const InferContext& c);
Types infer(const ReduceGrads& op, const InferContext& c);
Types infer(const ReducePartialGrads& op, const InferContext& c);
Types infer(const ReduceCopiedRows& op, const InferContext& c);
Types infer(const ReduceShares& op, const InferContext& c);
Types infer(const ReduceSharedGrads& op, const InferContext& c);

// optimizer.cpp
Types infer(const GradNorm& op, const InferContext& c);
Types infer(const AdamW& op, const InferContext& c);

}  // namespace perfbench
