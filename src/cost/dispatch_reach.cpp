#include "cost/dispatch_reach.h"

#include <numeric>

namespace perfbench {
namespace {

// Mean number of `parts`, of equally many experts each, that have one of the k experts.
double parts_hit_at_random(std::int64_t experts, std::int64_t top_k, std::int64_t parts) {
  const std::int64_t others = experts - experts / parts;
  double missed = 1.0;  // the probability that a part has none
  for (std::int64_t j = 0; j < top_k; ++j) {
    missed *= static_cast<double>(others - j) / static_cast<double>(experts - j);
    if (others - j <= 0) return static_cast<double>(parts);
  }
  return static_cast<double>(parts) * (1.0 - missed);
}

// The choices of a token are neighbours, from `first` on and round the end.
std::int64_t parts_hit_by_neighbours(std::int64_t first, std::int64_t experts, std::int64_t top_k, std::int64_t parts) {
  const std::int64_t size = experts / parts, last = first + top_k - 1;
  const std::int64_t borders = last / size - first / size;  // that lie between the first and the last
  return borders < parts ? borders + 1 : parts;
}

double parts_hit_in_turn(std::int64_t experts, std::int64_t top_k, std::int64_t parts) {
  const std::int64_t period = experts / std::gcd(experts, top_k);
  std::int64_t hit = 0;
  for (std::int64_t i = 0; i < period; ++i) {
    hit += parts_hit_by_neighbours(i * top_k % experts, experts, top_k, parts);
  }
  return static_cast<double>(hit) / static_cast<double>(period);
}

}  // namespace

Reach reach(const DispatchShape& shape) {
  const auto hit = shape.gate == Gate::balanced ? parts_hit_in_turn : parts_hit_at_random;
  const std::int64_t ranks = shape.group.ranks, domains = ranks / shape.group.ranks_per_domain;
  return {.ranks = hit(shape.experts, shape.top_k, ranks), .domains = hit(shape.experts, shape.top_k, domains)};
}

}  // namespace perfbench
