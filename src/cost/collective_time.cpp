#include "cost/collective_time.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"

namespace perfbench {
namespace {

using Kind = CollectiveShape::Kind;

const CollectiveConstants& constants_of(const KernelConstants& constants, Kind kind) {
  switch (kind) {
    case Kind::all_gather:
      return constants.all_gather;
    case Kind::reduce_scatter:
      return constants.reduce_scatter;
    case Kind::all_reduce:
      return constants.all_reduce;
    case Kind::all_to_all:
    case Kind::send:
      break;
  }
  return constants.all_to_all;
}

// How often the buffer goes round the ring.
double passes(Kind kind) { return kind == Kind::all_reduce ? 2.0 : 1.0; }

// The NVLink part without latency; `bytes` is the buffer that `ranks` ranks share.
double nvlink_time_s(const CollectiveConstants& c, const Hardware& hardware, Kind kind, int ranks, double bytes) {
  const double sent = passes(kind) * bytes * (ranks - 1) / ranks;
  const double local = c.local_share * passes(kind) * bytes / ranks;
  const double ramp = 1.0 + std::sqrt(c.ramp_bytes / sent);
  return (sent + local) * ramp / (known(hardware, &Hardware::nvlink_bytes_per_s) * c.bandwidth_share);
}

double latency_s(const CollectiveConstants& c, int ranks) { return c.latency_s + c.latency_per_rank_s * (ranks - 1); }

// What the NICs of `gpus` GPUs carry together.
double network_bytes_per_s(const KernelConstants& constants, const Hardware& hardware, int gpus) {
  return gpus * known(hardware, &Hardware::nics_per_gpu) * known(hardware, &Hardware::nic_bytes_per_s) *
         constants.network.bandwidth_share;
}

double send_time_s(const KernelConstants& constants, const Hardware& hardware, const CollectiveShape& shape) {
  if (shape.group.ranks_per_domain > 1) {
    const SendConstants& c = constants.send;
    return c.latency_s + shape.bytes / (known(hardware, &Hardware::nvlink_bytes_per_s) * c.bandwidth_share);
  }
  return constants.network.hop_latency_s + shape.bytes / network_bytes_per_s(constants, hardware, 1);
}

double ring_between_domains_s(const KernelConstants& constants, const Hardware& hardware, const CollectiveShape& shape,
                              int near) {
  const CollectiveConstants& c = constants_of(constants, shape.kind);
  const int ranks = shape.group.ranks;
  const int other_domains = (ranks + near - 1) / near - 1;
  const double sent = passes(shape.kind) * shape.bytes * (ranks - 1) / ranks;
  const double network = sent / network_bytes_per_s(constants, hardware, near);
  const double nvlink = near > 1 ? nvlink_time_s(c, hardware, shape.kind, ranks, shape.bytes) : 0.0;
  const double tree_depth = std::ceil(std::log2(other_domains + 1.0));
  const double hops =
      shape.kind == Kind::all_reduce ? 2.0 * std::min<double>(other_domains, tree_depth) : other_domains;
  return latency_s(c, near) + hops * constants.network.hop_latency_s + std::max(network, nvlink);
}

}  // namespace

double collective_time_s(const KernelConstants& constants, const Hardware& hardware, const CollectiveShape& shape) {
  const auto [ranks, ranks_per_domain] = shape.group;
  if (ranks <= 1 || shape.bytes <= 0.0) return 0.0;
  check(ranks_per_domain >= 1, "at least one rank of a group lies in an NVLink domain");
  if (shape.kind == Kind::send) return send_time_s(constants, hardware, shape);
  if (ranks <= ranks_per_domain) {
    const CollectiveConstants& c = constants_of(constants, shape.kind);
    return latency_s(c, ranks) + nvlink_time_s(c, hardware, shape.kind, ranks, shape.bytes);
  }
  if (shape.kind == Kind::all_to_all) {
    const double near = static_cast<double>(ranks_per_domain) / ranks;
    const auto [nvlink_s, network_s] =
        all_to_all_time_s(constants, hardware, shape.group, near * shape.bytes, (1.0 - near) * shape.bytes);
    return nvlink_s + network_s;
  }
  return ring_between_domains_s(constants, hardware, shape, ranks_per_domain);
}

AllToAllTime all_to_all_time_s(const KernelConstants& constants, const Hardware& hardware, const GroupShape& group,
                               double nvlink_bytes, double network_bytes) {
  const auto [ranks, near] = group;
  const CollectiveConstants& c = constants.all_to_all;
  AllToAllTime time{.nvlink_s = latency_s(c, ranks)};
  if (near > 1 && nvlink_bytes > 0.0) time.nvlink_s += nvlink_time_s(c, hardware, Kind::all_to_all, near, nvlink_bytes);
  if (ranks > near) {
    time.network_s = constants.network.hop_latency_s + network_bytes / network_bytes_per_s(constants, hardware, 1);
  }
  return time;
}

}  // namespace perfbench
