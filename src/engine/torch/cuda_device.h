// The GPU as the launches of own kernels need it. Tests put a CPU in its place.
#pragma once

#include <c10/core/Device.h>

namespace perfbench {

// Whether own kernels run on it.
bool runs_own_kernels(c10::Device device);
// The stream that LibTorch issues to at present.
void* current_stream(c10::Device device);
int multiprocessors(c10::Device device);
// Whether at::_grouped_mm has a kernel for it, and no loop that waits for the device.
bool has_grouped_products(c10::Device device);

}  // namespace perfbench
