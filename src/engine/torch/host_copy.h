// What a device has made, where the host can read it.
#pragma once

#include <ATen/core/Tensor.h>

#include "engine/torch/rank.h"

namespace perfbench {

// A tensor of a CPU itself. Else the host waits until `lane`, on which this is called, has made it.
at::Tensor host_copy(const at::Tensor& tensor, Lane lane, const Rank& rank);

}  // namespace perfbench
