// The constants of the kernel and collective times of one system, as model_configs/kernels/<system>.json has them.
// Shares are relative to the data-sheet peaks of Hardware. scripts/fit_kernels.py fits them; docs/kernels.md has the
// errors.
#pragma once

#include <filesystem>
#include <string>

#include "base/json.h"

namespace perfbench {

// Absolute errors of the shapes that the fit did not see.
struct FitError {
  int points = 0;
  int held_out = 0;
  double median_percent = 0.0;
  double p90_percent = 0.0;
};

struct GemmConstants {
  double launch_s = 0.0;
  double peak_share = 0.0;                          // of the peak that an endless, cool product would reach
  double half_m = 0.0, half_n = 0.0, half_k = 0.0;  // sizes at which half of that is reached
  double sustained_drop = 0.0;                      // share of the rate that a long product loses to lower clocks
  double sustained_flops = 0.0;                     // work at which half of that loss shows
  double memory_share = 0.0;                        // of the memory bandwidth
  std::string source;
  FitError fit;
};

struct QuantizeConstants {
  double launch_s = 0.0;
  double bytes_per_element = 0.0;  // bytes at the peak bandwidth that take the measured time: amax pass and cast
  std::string source;
};

struct AttentionConstants {
  double launch_s = 0.0;
  double peak_share_64 = 0.0, peak_share_128 = 0.0, peak_share_256 = 0.0;  // of the BF16 peak, by head_dim
  double half_keys = 0.0;       // mean keys per query at which half of that is reached
  double half_blocks = 0.0;     // blocks of 128 queries, over all heads, at which half of that is reached
  double prepare_passes = 0.0;  // passes over q, k, v and the output before the kernel: rotation and cache write
  double backward_flops = 0.0;  // backward FLOPs per forward FLOP
  double backward_rate = 0.0;   // backward FLOP/s per forward FLOP/s
  double packed_work = 0.0;     // work of packed sub-sequences per product that is kept
  std::string source;
  FitError fit;
};

struct MemoryConstants {
  double launch_s = 0.0;
  double bandwidth_share = 0.0;
  std::string source;
};

struct CollectiveConstants {
  double latency_s = 0.0;
  double latency_per_rank_s = 0.0;  // for each rank after the first
  double bandwidth_share = 0.0;     // of one GPU's NVLink in one direction; above 1 where the switch reduces
  double local_share = 0.0;         // what the rank's own part costs, relative to a part that is sent
  double ramp_bytes = 0.0;          // the rate is 1 / (1 + sqrt(ramp_bytes / sent bytes)) of the asymptote
  std::string source;
  FitError fit;
};

struct SendConstants {
  double latency_s = 0.0;
  double bandwidth_share = 0.0;  // of one GPU's NVLink in one direction
  std::string source;
};

struct NetworkConstants {
  double bandwidth_share = 0.0;  // of a NIC's line rate
  double hop_latency_s = 0.0;    // from one NVLink domain to another
  std::string source;
};

struct KernelConstants {
  std::string system;  // "h100", or "default" for the medians over the measured systems
  GemmConstants gemm_bf16, gemm_fp8;
  QuantizeConstants quantize;
  AttentionConstants attention;
  MemoryConstants memory;
  CollectiveConstants all_gather, reduce_scatter, all_reduce, all_to_all;
  SendConstants send;
  NetworkConstants network;
};

// Every constant must be there, above 0 and in a range that no time can leave the finite with; every block must name
// its source. Throws InputError with every problem of the first wrong block.
KernelConstants parse_kernel_constants(const Json& json, const std::string& file);
KernelConstants read_kernel_constants(const std::filesystem::path& path);

}  // namespace perfbench
