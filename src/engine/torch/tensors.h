// Tensors of a Program's values.
#pragma once

#include <ATen/core/Tensor.h>

#include "base/dtype.h"
#include "program/value.h"

namespace perfbench {

constexpr at::ScalarType scalar_type(DType dtype) {
  switch (dtype) {
    case DType::f32:
      return at::kFloat;
    case DType::bf16:
      return at::kBFloat16;
    case DType::f8e4m3:
      return at::kFloat8_e4m3fn;
    case DType::f8e5m2:
      return at::kFloat8_e5m2;
    case DType::i64:
      return at::kLong;
  }
  return at::kFloat;
}

// A new tensor, its memory as it is found.
at::Tensor empty(const ValueType& type, at::Device device);
at::Tensor empty(std::int64_t elements, DType dtype, at::Device device);

// Bytes that the tensor keeps alive.
std::int64_t held_bytes(const at::Tensor& tensor);

// Throws std::logic_error, naming `what`, when the tensor is not contiguous, or is not of this type, or is a part of a
// larger buffer. Along dims of uneven slices any size is right.
void check_is(const at::Tensor& tensor, const ValueType& type, const char* what);

}  // namespace perfbench
