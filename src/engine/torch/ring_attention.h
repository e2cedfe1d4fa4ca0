// Attention over tokens that are split over cp, or packed, or both.
#pragma once

#include "engine/torch/frame.h"

namespace perfbench {

// K and V of this rank go to the next one of cp and those of the one before arrive, until all have passed; a rank of
// cp = 1 has all keys itself. Blocks that the mask leaves empty are skipped. lse is over all keys.
void run_in_blocks(const Attention& op, Frame& frame);

// K and V go round once more, and with them their gradients, which each rank adds to; one step further they are home.
void run_in_blocks(const AttentionBackward& op, Frame& frame);

}  // namespace perfbench
