// What the launches of own kernels share.
#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty_like.h>

#include "engine/kernels/kernels.h"
#include "engine/torch/cuda_device.h"
#include "engine/torch/frame.h"

namespace perfbench {

// An operand, undefined where it is absent.
inline at::Tensor operand(const Frame& frame, In in) { return Frame::has(in) ? frame[in] : at::Tensor(); }

// The op's output, or scratch of x's type where the Program drops it.
inline at::Tensor output(const Frame& frame, Out out, const at::Tensor& x) {
  return Frame::has(out) ? frame.make(out) : at::empty_like(x);
}

// An address for a kernel; null for what is absent.
template <class T = void>
T* address(const at::Tensor& tensor) {
  return tensor.defined() ? static_cast<T*>(tensor.data_ptr()) : nullptr;
}

inline DType kernel_dtype(const at::Tensor& x) { return x.scalar_type() == at::kFloat ? DType::f32 : DType::bf16; }

// Whether the kernels take x, and the others of the same type beside it.
template <class... Others>
bool kernels_take(const at::Tensor& x, const Others&... others) {
  const auto fits = [&x](const at::Tensor& tensor) {
    return !tensor.defined() ||
           (tensor.scalar_type() == x.scalar_type() && tensor.device() == x.device() && tensor.is_contiguous());
  };
  return runs_own_kernels(x.device()) && (x.scalar_type() == at::kFloat || x.scalar_type() == at::kBFloat16) &&
         fits(x) && (fits(others) && ...);
}

// Throws RunError unless status is 0.
void check_launch(int status);

// Launches on the stream that LibTorch issues to; throws RunError where CUDA refuses it.
template <class Call>
void launch_on(c10::Device device, int (*launcher)(const Call*, void*), const Call& call) {
  check_launch(launcher(&call, current_stream(device)));
}

// Blocks that work through many rows each: two on a multiprocessor hide each other's barriers.
inline std::int64_t blocks_of(c10::Device device) { return 2 * static_cast<std::int64_t>(multiprocessors(device)); }

}  // namespace perfbench
