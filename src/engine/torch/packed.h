// The sub-sequences of a packed microbatch, as attention wants them.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "engine/torch/runtime.h"

namespace perfbench {

struct PackedSequences {
  at::Tensor host_starts{};  // the values of Datum::start, (T) int64, on the host: nobody waits for the device
  // Of one sample, where each begins, and the end of the last; int32, on the device. Undefined for several samples,
  // whose rows lie between each other.
  at::Tensor bounds{};
  std::int64_t longest = 0;
};

// Of the starts of one microbatch of `mbs` samples, position by position, samples together.
PackedSequences packed_sequences(const at::Tensor& host_starts, std::int64_t mbs, Runtime& runtime);

}  // namespace perfbench
