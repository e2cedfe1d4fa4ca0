#include "engine/torch/cuda_device.h"

#include <ATen/cuda/CUDAContext.h>
#include <c10/cuda/CUDAStream.h>

namespace perfbench {

bool runs_own_kernels(c10::Device device) { return device.is_cuda(); }

void* current_stream(c10::Device device) { return c10::cuda::getCurrentCUDAStream(device.index()).stream(); }

int multiprocessors(c10::Device device) { return at::cuda::getDeviceProperties(device.index())->multiProcessorCount; }

}  // namespace perfbench
