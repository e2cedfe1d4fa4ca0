// Ops as one own kernel each (engine/kernels). True when it ran: on a CUDA device, for float32 and bf16. False:
// LibTorch does it op by op.
#pragma once

#include "engine/torch/frame.h"

namespace perfbench {

// cuda_fused_norm.cpp
bool fused(const RmsNorm& op, Frame& frame);
bool fused(const RmsNormBackward& op, Frame& frame);
bool fused(const LayerNorm& op, Frame& frame);
bool fused(const LayerNormBackward& op, Frame& frame);
bool fused(const QkNorm& op, Frame& frame);
bool fused(const QkNormBackward& op, Frame& frame);
// cuda_fused_block.cpp
bool fused(const Rope& op, Frame& frame);
bool fused(const SwiGlu& op, Frame& frame);
bool fused(const SwiGluBackward& op, Frame& frame);
bool fused(const Activate& op, Frame& frame);
bool fused(const ActivateBackward& op, Frame& frame);
// cuda_fused_vocab.cpp
bool fused(const CrossEntropy& op, Frame& frame);
bool fused(const CrossEntropyBackward& op, Frame& frame);
// cuda_fused_adapter.cpp: bf16 alone, and the ranks of has_adapter_kernel()
bool fused(const AdapterBackward& op, Frame& frame);
// cuda_fused_fp8.cpp
bool fused(const Quantize& op, Frame& frame);
bool fused(const CastWeight& op, Frame& frame);
// cuda_fused_experts.cpp: as many experts and choices as has_route_kernel() says
bool fused(const Route& op, Frame& frame);
bool fused(const RouteBackward& op, Frame& frame);
bool fused(const PlaceRows& op, Frame& frame);
bool fused(const Permute& op, Frame& frame);
bool fused(const Unpermute& op, Frame& frame);
// cuda_fused_grouped.cpp: bf16 alone, and what at::_grouped_mm is made for
bool fused(const GroupedMatmul& op, Frame& frame);
bool fused(const GroupedWeightGrad& op, Frame& frame);

}  // namespace perfbench
