// The data-sheet numbers that kernel and collective times are relative to.
#pragma once

namespace perfbench {

struct Hardware {
  double bf16_flops_per_s = 0.0;  // dense
  double fp8_flops_per_s = 0.0;   // dense; 0 on a system without FP8
  double memory_bytes_per_s = 0.0;
  double nvlink_bytes_per_s = 0.0;  // per GPU and direction
  double nic_bytes_per_s = 0.0;     // per NIC and direction
  double nics_per_gpu = 0.0;
  int nvlink_domain_gpus = 0;  // GPUs that reach each other by NVLink
  int gpus_per_node = 0;
};

}  // namespace perfbench
