#include "engine/torch/cuda_device.h"

#include <ATen/cuda/CUDAContext.h>
#include <c10/cuda/CUDAStream.h>

namespace perfbench {

bool runs_own_kernels(c10::Device device) { return device.is_cuda(); }

void* current_stream(c10::Device device) { return c10::cuda::getCurrentCUDAStream(device.index()).stream(); }

int multiprocessors(c10::Device device) { return at::cuda::getDeviceProperties(device.index())->multiProcessorCount; }

bool has_grouped_products(c10::Device device) {
  if (!device.is_cuda()) return false;
  const int major = at::cuda::getDeviceProperties(device.index())->major;
  return major == 9 || major == 10;  // Hopper and Blackwell
}

}  // namespace perfbench
