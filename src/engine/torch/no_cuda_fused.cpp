// Without CUDA every op goes through LibTorch.
#include "engine/torch/fused.h"

namespace perfbench {

bool fused(const RmsNorm&, Frame&) { return false; }
bool fused(const RmsNormBackward&, Frame&) { return false; }
bool fused(const LayerNorm&, Frame&) { return false; }
bool fused(const LayerNormBackward&, Frame&) { return false; }
bool fused(const QkNorm&, Frame&) { return false; }
bool fused(const QkNormBackward&, Frame&) { return false; }
bool fused(const Rope&, Frame&) { return false; }
bool fused(const SwiGlu&, Frame&) { return false; }
bool fused(const SwiGluBackward&, Frame&) { return false; }
bool fused(const Activate&, Frame&) { return false; }
bool fused(const ActivateBackward&, Frame&) { return false; }
bool fused(const CrossEntropy&, Frame&) { return false; }
bool fused(const CrossEntropyBackward&, Frame&) { return false; }
bool fused(const AdapterBackward&, Frame&) { return false; }
bool fused(const Quantize&, Frame&) { return false; }
bool fused(const CastWeight&, Frame&) { return false; }
bool fused(const Route&, Frame&) { return false; }
bool fused(const RouteBackward&, Frame&) { return false; }
bool fused(const PlaceRows&, Frame&) { return false; }
bool fused(const Permute&, Frame&) { return false; }
bool fused(const Unpermute&, Frame&) { return false; }
bool fused(const GroupedMatmul&, Frame&) { return false; }
bool fused(const GroupedWeightGrad&, Frame&) { return false; }

}  // namespace perfbench
