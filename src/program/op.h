// The closed set of operations. An op is a plain struct in ops/: its class, typed operands, plain fields. Ops are
// coarse: one op is one fused kernel where a good stack has one. A walk over operands is collect(op) in operands.h; a
// reader of the meaning names the op, or takes what its class means, and does not compile where an op is forgotten.
#pragma once

#include <string_view>
#include <variant>

#include "program/axis.h"
#include "program/ops/activation.h"
#include "program/ops/adapter.h"
#include "program/ops/attention.h"
#include "program/ops/collective.h"
#include "program/ops/experts.h"
#include "program/ops/linear.h"
#include "program/ops/norm.h"
#include "program/ops/optimizer.h"
#include "program/ops/quantize.h"
#include "program/ops/sharding.h"
#include "program/ops/vocabulary.h"

namespace perfbench {

using Op =
    std::variant<Embedding, EmbeddingBackward, RmsNorm, RmsNormBackward, LayerNorm, LayerNormBackward, QkNorm,
                 QkNormBackward, Matmul, AddMatmul, WeightGrad, WeightGradAccumulate, AddBias, BiasGrad, Accumulate,
                 Add, Transpose, Rope, Attention, AttentionBackward, SwiGlu, SwiGluBackward, Activate, ActivateBackward,
                 AdapterUp, AdapterUpBackward, AdapterWeightGrad, AdapterBackward, Route, RouteBackward, PlaceRows,
                 ShareCounts, Permute, Unpermute, AllToAll, Regroup, GroupedMatmul, GroupedWeightGrad,
                 GroupedWeightGradAccumulate, Quantize, CastWeight, AllGather, ReduceScatter, AllReduce, CrossEntropy,
                 CrossEntropyBackward, GatherParams, GatherShards, ScatterGrads, ReduceGrads, ReduceShares,
                 ReducePartialGrads, ReduceCopiedRows, ReduceSharedGrads, GradNorm, AdamW>;

std::string_view name(const Op& op);
OpClass class_of(const Op& op);

// The lane that the op is issued on.
Lane lane_of(const Op& op);

}  // namespace perfbench
