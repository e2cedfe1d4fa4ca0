// A CPU in the place of the GPU that own kernels run on.
#include "engine/torch/cuda_device.h"

namespace perfbench {

bool runs_own_kernels(c10::Device device) { return device.is_cpu(); }
void* current_stream(c10::Device) { return nullptr; }
int multiprocessors(c10::Device) { return 2; }  // few blocks: each has several rows of a small case
bool has_grouped_products(c10::Device) { return true; }

}  // namespace perfbench
