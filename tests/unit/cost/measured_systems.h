// The constants that perfbench carries, with the data-sheet peaks that they were fitted against.
#pragma once

#include <filesystem>
#include <string>

#include "cost/hardware.h"
#include "cost/kernel_constants.h"

namespace perfbench {

inline KernelConstants carried_constants(const std::string& system) {
  return read_kernel_constants(std::filesystem::path(PERFBENCH_SOURCE_DIR) / "model_configs" / "kernels" /
                               (system + ".json"));
}

inline Hardware h100_hardware() {
  return {.bf16_flops_per_s = 989e12,
          .fp8_flops_per_s = 1979e12,
          .memory_bytes_per_s = 3.35e12,
          .nvlink_bytes_per_s = 450e9,
          .nic_bytes_per_s = 50e9,
          .nics_per_gpu = 1.0,
          .nvlink_domain_gpus = 8};
}

}  // namespace perfbench
