// The backward of each op that a forward may hold, and the ops that it never holds: an op that is neither does not
// compile.
#pragma once

#include <string_view>
#include <type_traits>

#include "program/backward/context.h"

namespace perfbench {

// vocabulary.cpp
void backward(const Embedding& op, BackwardContext& c);
void backward(const CrossEntropy& op, BackwardContext& c);

// norm.cpp
void backward(const RmsNorm& op, BackwardContext& c);
void backward(const LayerNorm& op, BackwardContext& c);
void backward(const QkNorm& op, BackwardContext& c);

// linear.cpp
void backward(const Matmul& op, BackwardContext& c);
void backward(const AddBias& op, BackwardContext& c);
void backward(const Add& op, BackwardContext& c);

// attention.cpp
void backward(const Rope& op, BackwardContext& c);
void backward(const Attention& op, BackwardContext& c);

// activation.cpp
void backward(const SwiGlu& op, BackwardContext& c);
void backward(const Activate& op, BackwardContext& c);

// adapter.cpp
void backward(const AdapterUp& op, BackwardContext& c);

// experts.cpp
void backward(const Route& op, BackwardContext& c);
void backward(const PlaceRows& op, BackwardContext& c);
void backward(const ShareCounts& op, BackwardContext& c);
void backward(const Permute& op, BackwardContext& c);
void backward(const Unpermute& op, BackwardContext& c);
void backward(const AllToAll& op, BackwardContext& c);
void backward(const Regroup& op, BackwardContext& c);
void backward(const GroupedMatmul& op, BackwardContext& c);

// quantize.cpp
void backward(const Quantize& op, BackwardContext& c);
void backward(const CastWeight& op, BackwardContext& c);

// collective.cpp
void backward(const AllGather& op, BackwardContext& c);
void backward(const ReduceScatter& op, BackwardContext& c);
void backward(const AllReduce& op, BackwardContext& c);

template <class T, class... Listed>
concept OneOf = (std::is_same_v<T, Listed> || ...);

template <class OpType>
concept NeverInForward =
    OneOf<OpType, EmbeddingBackward, RmsNormBackward, LayerNormBackward, QkNormBackward, AddMatmul, WeightGrad,
          WeightGradAccumulate, BiasGrad, Accumulate, Transpose, AttentionBackward, SwiGluBackward, ActivateBackward,
          AdapterUpBackward, AdapterWeightGrad, AdapterBackward, RouteBackward, GroupedWeightGrad,
          GroupedWeightGradAccumulate, CrossEntropyBackward, GatherParams, GatherShards, ScatterGrads, ReduceGrads,
          ReduceShares, ReducePartialGrads, ReduceCopiedRows, ReduceSharedGrads, GradNorm, AdamW>;

// Throws ProgramError.
void refuse_backward(std::string_view op);
void backward(const NeverInForward auto& op, BackwardContext&) { refuse_backward(op.kName); }

}  // namespace perfbench
