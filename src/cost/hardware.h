// The data-sheet numbers that kernel and collective times are relative to.
#pragma once

#include <optional>

#include "job/system_spec.h"

namespace perfbench {

// Unset where no source gives the number.
struct Hardware {
  std::optional<double> bf16_flops_per_s{};  // dense
  std::optional<double> fp8_flops_per_s{};   // dense; unset on a system without FP8, too
  std::optional<double> f32_flops_per_s{};   // of the vector units
  std::optional<double> memory_bytes_per_s{};
  std::optional<double> nvlink_bytes_per_s{};  // per GPU and direction
  std::optional<double> nic_bytes_per_s{};     // per NIC and direction
  std::optional<double> nics_per_gpu{};
  std::optional<double> host_bytes_per_s{};    // to and from the host's memory, per GPU and direction
  std::optional<double> nvlink_domain_gpus{};  // GPUs that reach each other by NVLink
};

Hardware hardware_of(const SystemSpec& system);

// A number that a time needs. Where nobody knows it, throws Unsupported with its key in the system's file.
double known(const Hardware& hardware, std::optional<double> Hardware::*number);

}  // namespace perfbench
