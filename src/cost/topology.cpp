#include "cost/topology.h"

#include <algorithm>

namespace perfbench {
namespace {

// `ranks` ranks, each `stride` GPUs after the one before. Domains are filled evenly: 16 ranks of which 9 would fit lie
// 8 and 8.
GroupShape strided_group(int ranks, int stride, const Hardware& hardware) {
  const int domain = std::max(1, hardware.nvlink_domain_gpus);
  int in_domain = std::clamp(domain / stride, 1, ranks);
  while (ranks % in_domain != 0) --in_domain;
  return {.ranks = ranks, .ranks_per_domain = in_domain};
}

}  // namespace

Hardware hardware_of(const SystemSpec& system) {
  const auto number = [](const Sourced& sourced) { return sourced.value.value_or(0.0); };
  return {.bf16_flops_per_s = number(system.peak_bf16_flops_per_s),
          .fp8_flops_per_s = number(system.peak_fp8_flops_per_s),
          .memory_bytes_per_s = number(system.memory_bandwidth_bytes_per_s),
          .nvlink_bytes_per_s = number(system.nvlink_bandwidth_bytes_per_s),
          .nic_bytes_per_s = number(system.nic_bandwidth_bytes_per_s),
          .nics_per_gpu = number(system.nics_per_gpu),
          .nvlink_domain_gpus = static_cast<int>(number(system.nvlink_domain_gpus)),
          .gpus_per_node = static_cast<int>(number(system.gpus_per_node))};
}

GroupShape group_of(Axis axis, const ParallelLayout& layout, const Hardware& hardware) {
  switch (axis) {
    case Axis::tp:
      return strided_group(layout.tp, 1, hardware);
    case Axis::cp:
      return strided_group(layout.cp, layout.tp, hardware);
    case Axis::ep:
      return strided_group(layout.ep, layout.etp, hardware);
    case Axis::dp:
      return strided_group(layout.dp * layout.cp, layout.tp, hardware);
  }
  return {};
}

GroupShape neighbours_of(const ParallelLayout& layout, const Hardware& hardware) {
  const bool one_domain = layout.tp * layout.cp * layout.dp * layout.pp <= hardware.nvlink_domain_gpus;
  return {.ranks = 2, .ranks_per_domain = one_domain ? 2 : 1};
}

}  // namespace perfbench
