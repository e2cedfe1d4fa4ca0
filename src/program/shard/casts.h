// FSDP: copies of weights in FP8 live as long as what is gathered of the weight.
#pragma once

#include <vector>

#include "program/shard/units.h"

namespace perfbench {

// The values that stand for a weight in FP8, once states that were cast with the first microbatch only.
struct ShardCast {
  ValueId weight = kNoValue;
  ValueId q = kNoValue, q_t = kNoValue, scale = kNoValue;  // q: absent where the weight is held in FP8
};

// Casts of weights in the forward become ops of every microbatch.
std::vector<ShardCast> casts_become_values(Program& program);

// Casts that the backward makes, each before its first reader: the forward then makes no copy for the backward. A
// weight that is gathered again is cast again. Of one that is saved, and whose product the backward runs again, both
// copies are read: one is saved, and transposed.
void cast_in_backward(Program& program, const Policy& policy, const Units& units, const std::vector<ShardCast>& casts);

}  // namespace perfbench
