// A vocabulary that is split over ranks: rank r holds columns r V to (r + 1) V, the last of which may be padding.
#pragma once

#include <ATen/core/Tensor.h>

#include <algorithm>

#include "engine/comm/communicator.h"

namespace perfbench {

// Columns of this rank's logits that are no padding.
inline std::int64_t real_columns(std::int64_t columns, std::int64_t vocab, int rank) {
  return std::clamp<std::int64_t>(vocab - columns * rank, 0, columns);
}

// Of float32, in place.
inline void all_reduce(Communicator& group, at::Tensor& x, Reduction reduction) {
  if (group.size() > 1) group.all_reduce(x.data_ptr(), x.numel(), DType::f32, reduction);
}

}  // namespace perfbench
