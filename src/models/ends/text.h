// The ends of a language model: tokens in, the loss of the next tokens out.
#pragma once

#include "models/blocks.h"
#include "models/stream.h"

namespace perfbench {

// (V, H) rows split over tp, of the embedding or of a head of its own.
ValueId embedding_weight(const BlockContext& context);
ValueId head_weight(const BlockContext& context);

// The stream of the embedded tokens, (T, H).
ValueId embed(const BlockContext& context, ValueId weight);

// The final norm, the logits and the loss.
void add_loss(const BlockContext& context, Program& program, Stream& stream, ValueId weight);

}  // namespace perfbench
