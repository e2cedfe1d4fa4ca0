#include "engine/torch/cuda_fused.h"

#include <string>

#include "base/error.h"

namespace perfbench {

void check_launch(int status) {
  if (status == 0) return;
  throw RunError("own kernels", std::string("CUDA refuses a launch: ") + perfbench_kernel_error(status),
                 "perfbench doctor shows the device and the architectures that this engine is built for");
}

}  // namespace perfbench
