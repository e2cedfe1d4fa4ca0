// The engine without CUDA: built by the presets other than cuda.
#include <filesystem>

#include "engine/torch/parts.h"

namespace perfbench {

EngineAbiPart cuda_part() {
  std::error_code ignored;
  if (!std::filesystem::exists("/proc/driver/nvidia/version", ignored)) {
    return {nullptr, "this engine was built without CUDA, and this machine has no NVIDIA driver",
            "on a machine with NVIDIA GPUs and the CUDA toolkit: PERFBENCH_PRESET=cuda scripts/build.sh --engine"};
  }
  return {nullptr, "this engine was built without CUDA; the NVIDIA driver is there",
          "PERFBENCH_PRESET=cuda scripts/build.sh --engine (it needs the CUDA toolkit)"};
}

std::vector<EngineAbiDevice> cuda_devices() { return {}; }

const char* cuda_architectures() { return nullptr; }

}  // namespace perfbench
