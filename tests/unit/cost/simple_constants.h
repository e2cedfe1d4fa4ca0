// Round constants and hardware, so that a test's arithmetic can be done in the head.
#pragma once

#include "cost/hardware.h"
#include "cost/kernel_constants.h"

namespace perfbench {

// 1000 (bf16), 2000 (fp8) and 100 TFLOP/s (f32), 4 TB/s of memory, 500 GB/s of NVLink, one NIC of 50 GB/s per GPU.
inline Hardware simple_hardware() {
  return {.bf16_flops_per_s = 1e15,
          .fp8_flops_per_s = 2e15,
          .f32_flops_per_s = 1e14,
          .memory_bytes_per_s = 4e12,
          .nvlink_bytes_per_s = 500e9,
          .nic_bytes_per_s = 50e9,
          .nics_per_gpu = 1.0,
          .nvlink_domain_gpus = 8};
}

// Launches of 1 us, half of every peak, no loss to small shapes, clocks or the ramp of collectives.
inline KernelConstants simple_constants() {
  KernelConstants c;
  c.gemm_bf16.launch_s = 1e-6;
  c.gemm_bf16.peak_share = 0.5;
  c.gemm_bf16.sustained_flops = 1.0;
  c.gemm_bf16.memory_share = 0.5;
  c.gemm_fp8 = c.gemm_bf16;
  c.quantize.launch_s = 1e-6;
  c.quantize.bytes_per_element = 10.0;
  c.attention.launch_s = 1e-6;
  c.attention.peak_share_64 = 0.25;
  c.attention.peak_share_128 = 0.5;
  c.attention.peak_share_256 = 0.75;
  c.attention.prepare_passes = 1.0;
  c.attention.backward_flops = 2.5;
  c.attention.backward_rate = 0.5;
  c.attention.packed_work = 3.0;
  c.memory.launch_s = 1e-6;
  c.memory.bandwidth_share = 0.5;
  c.all_gather.latency_s = 5e-6;
  c.all_gather.latency_per_rank_s = 1e-6;
  c.all_gather.bandwidth_share = 0.5;
  c.reduce_scatter = c.all_reduce = c.all_to_all = c.all_gather;
  c.send.latency_s = 5e-6;
  c.send.bandwidth_share = 0.5;
  c.network.bandwidth_share = 0.8;
  c.network.hop_latency_s = 10e-6;
  return c;
}

}  // namespace perfbench
