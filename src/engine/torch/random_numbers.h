// The numbers of base/random.h as tensors.
#pragma once

#include <ATen/core/Tensor.h>

namespace perfbench {

// random_at(stream, place) for each element of two int64 tensors that go together; bits of an unsigned number.
at::Tensor random_at(const at::Tensor& stream, const at::Tensor& place);

}  // namespace perfbench
