#include "cost/topology.h"

#include <algorithm>

namespace perfbench {
namespace {

int domain_gpus(const Hardware& hardware) { return static_cast<int>(known(hardware, &Hardware::nvlink_domain_gpus)); }

}  // namespace

GroupShape group_shape(Group group, const Mesh& mesh, const Hardware& hardware) {
  if (group == Group::ends) return neighbours_of(mesh, hardware);  // as far apart, where the pipeline leaves the domain
  const int ranks = mesh.ranks(group);
  if (ranks == 1) return {};
  int in_domain = std::clamp(domain_gpus(hardware) / mesh.stride(group), 1, ranks);
  while (ranks % in_domain != 0) --in_domain;
  return {.ranks = ranks, .ranks_per_domain = in_domain};
}

GroupShape neighbours_of(const Mesh& mesh, const Hardware& hardware) {
  if (mesh.pp == 1) return {};
  return {.ranks = 2, .ranks_per_domain = mesh.num_ranks() <= domain_gpus(hardware) ? 2 : 1};
}

}  // namespace perfbench
