// A GPU system as its data sheet has it, or the CPU. A number that no source gives is null and stays unset here.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "job/architecture.h"
#include "job/sourced.h"
#include "job/terms.h"

namespace perfbench {

struct SystemSpec {
  std::string name;  // "h100"
  std::string gpu;   // "NVIDIA H100 SXM5 80GB"
  std::vector<std::string> aliases;
  std::vector<std::string> device_names;     // what the driver calls this GPU: "NVIDIA H100 80GB HBM3"
  std::vector<Precision> precisions;         // what its tensor cores, or the CPU, can run
  std::optional<Architecture> architecture;  // unset: the CPU
  std::string host;                          // "x86", "grace", or "any": whatever the machine has
  std::string kernels;                       // the file of model_configs/kernels that times it: "h100", or "default"
  double product_time = 1.0;  // of a matrix product over one at the data sheet's clocks: above 1 if power is capped
  std::vector<std::string> extends;  // the system that its file extends, the one that this extends, and so on

  Sourced peak_bf16_flops_per_s, peak_fp8_flops_per_s, peak_mxfp8_flops_per_s, peak_nvfp4_flops_per_s;  // dense
  Sourced peak_f32_flops_per_s;  // of the vector units
  Sourced memory_bytes, memory_bandwidth_bytes_per_s;
  std::optional<double> cuda_memory_bytes;  // what CUDA reports in all: data sheets count 80 GiB of HBM as 80 GB
  Sourced nvlink_bandwidth_bytes_per_s;     // per GPU and direction
  Sourced nvlink_domain_gpus;               // GPUs that reach each other by NVLink
  Sourced nic_bandwidth_bytes_per_s;        // per NIC and direction
  Sourced nics_per_gpu, gpus_per_node;
  Sourced host_bandwidth_bytes_per_s;  // between the memories of GPU and host, per GPU and direction
  Sourced sm_count, l2_bytes;

  // The dense peak that MFU divides by for a precision; unset when the data sheet gives none.
  std::optional<double> peak_flops_per_s(Precision precision) const;
  // What a job may take of one GPU: cuda_memory_bytes where it is known, else memory_bytes.
  std::optional<double> capacity_bytes() const;
  // Whether any number is known; the system cpu, which is the machine at hand, has none.
  bool has_data_sheet() const;
  // Names of the numbers without a value, peaks of formats that the GPU lacks left out; a row says so.
  std::vector<std::string> missing() const;
};

// Reads a system's file. `data` is the model_configs folder, which holds the system that it extends and the kernel
// constants that it names. Throws InputError with every problem of the file.
SystemSpec read_system(const std::filesystem::path& path, const std::filesystem::path& data);

}  // namespace perfbench
