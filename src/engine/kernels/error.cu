#include "engine/kernels/device.cuh"
#include "engine/kernels/kernels.h"

namespace perfbench {

extern "C" const char* perfbench_kernel_error(int status) { return error_text(status); }

}  // namespace perfbench
