#include "cost/topology.h"

#include <algorithm>

namespace perfbench {
namespace {

int domain_gpus(const Hardware& hardware) { return static_cast<int>(known(hardware, &Hardware::nvlink_domain_gpus)); }

// `ranks` ranks, each `stride` GPUs after the one before. Domains are filled evenly: 16 ranks of which 9 would fit lie
// 8 and 8.
GroupShape strided_group(int ranks, int stride, const Hardware& hardware) {
  if (ranks == 1) return {};
  const int domain = domain_gpus(hardware);
  int in_domain = std::clamp(domain / stride, 1, ranks);
  while (ranks % in_domain != 0) --in_domain;
  return {.ranks = ranks, .ranks_per_domain = in_domain};
}

}  // namespace

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
  if (layout.pp == 1) return {};
  const bool one_domain = layout.tp * layout.cp * layout.dp * layout.pp <= domain_gpus(hardware);
  return {.ranks = 2, .ranks_per_domain = one_domain ? 2 : 1};
}

}  // namespace perfbench
