// What low-rank adapters add to a model, as NeMo AutoModel's FLOP count needs it.
#pragma once

#include "job/model_spec.h"

namespace perfbench {

// Rank of the adapters in the published fine-tuning rows of NeMo AutoModel.
inline constexpr int kLoraRank = 16;

// Parameters of adapters of `rank` beside every linear layer but the head, over the frozen parameters, which include
// the embedding and the head. The model must have attention and dense MLPs only.
double lora_share(const ModelSpec& model, int rank = kLoraRank);

}  // namespace perfbench
