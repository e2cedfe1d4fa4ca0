#include "engine/torch/tensors.h"

#include <ATen/ops/empty.h>

#include <algorithm>
#include <stdexcept>
#include <string>

#include "program/value.h"

namespace perfbench {

at::Tensor empty(const ValueType& type, at::Device device) {
  return at::empty(at::IntArrayRef(type.shape.dims.data(), static_cast<std::size_t>(type.shape.rank)),
                   at::TensorOptions().dtype(scalar_type(type.dtype)).device(device));
}

at::Tensor empty(std::int64_t elements, DType dtype, at::Device device) {
  return at::empty({elements}, at::TensorOptions().dtype(scalar_type(dtype)).device(device));
}

namespace {

// Whether ranks have slices of their own sizes along `dim`.
bool varies(const ValueType& type, int dim) {
  return std::ranges::any_of(type.placement.of, [dim](const Placement& p) { return p.uneven && p.is_split(dim); });
}

}  // namespace

std::int64_t held_bytes(const at::Tensor& tensor) { return static_cast<std::int64_t>(tensor.storage().nbytes()); }

void check_is(const at::Tensor& tensor, const ValueType& type, const char* what) {
  const auto fail = [&](const std::string& found) {
    throw std::logic_error(std::string(what) + ": the engine made " + found + ", the Program says " + to_string(type));
  };
  if (tensor.scalar_type() != scalar_type(type.dtype)) fail(at::toString(tensor.scalar_type()));
  bool equal = tensor.dim() == type.shape.rank;
  for (int dim = 0; equal && dim < type.shape.rank; ++dim) {
    equal = tensor.size(dim) == type.shape[dim] || varies(type, dim);
  }
  if (!equal) fail("another shape, " + std::to_string(tensor.numel()) + " elements");
  if (!tensor.is_contiguous()) fail("a tensor that is not contiguous");
  if (held_bytes(tensor) != tensor.numel() * size_bytes(type.dtype))
    fail("a view that holds " + std::to_string(held_bytes(tensor)) + " bytes");
}

}  // namespace perfbench
