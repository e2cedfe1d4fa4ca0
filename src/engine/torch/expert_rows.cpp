#include "engine/torch/expert_rows.h"

#include <cstddef>
#include <numeric>

#include "base/error.h"

namespace perfbench {

ExpertRows expert_rows(std::span<const std::int64_t> all, const Mesh& mesh, const Coordinates& at) {
  const auto etp = static_cast<std::size_t>(mesh.size[Axis::etp]), ep = static_cast<std::size_t>(mesh.size[Axis::ep]);
  const std::size_t experts = all.size() / (etp * ep), own = experts / ep;
  // From one source for the experts of one rank of ep.
  const auto for_experts_of = [&](std::size_t of_etp, std::size_t of_ep, std::size_t holder) {
    return all.subspan((of_etp * ep + of_ep) * experts + holder * own, own);
  };
  const auto sum = [](std::span<const std::int64_t> counts) {
    return std::accumulate(counts.begin(), counts.end(), std::int64_t{0});
  };
  const auto my_etp = static_cast<std::size_t>(at.etp), my_ep = static_cast<std::size_t>(at.ep);
  ExpertRows rows;
  for (std::size_t peer = 0; peer < ep; ++peer) {
    rows.sent.push_back(sum(for_experts_of(my_etp, my_ep, peer)));
    rows.received.push_back(sum(for_experts_of(my_etp, peer, my_ep)));
  }
  rows.by_expert.resize(own);
  for (std::size_t of_etp = 0; of_etp < etp; ++of_etp) {
    std::int64_t gathered = 0;
    for (std::size_t of_ep = 0; of_ep < ep; ++of_ep) {
      const std::span<const std::int64_t> counts = for_experts_of(of_etp, of_ep, my_ep);
      rows.parts.insert(rows.parts.end(), counts.begin(), counts.end());
      for (std::size_t expert = 0; expert < own; ++expert) rows.by_expert[expert] += counts[expert];
      gathered += sum(counts);
    }
    rows.gathered.push_back(gathered);
  }
  return rows;
}

std::vector<std::int64_t> equal_parts(std::int64_t rows, std::int64_t count) {
  check(count > 0 && rows % count == 0, "experts: rows do not divide into equal parts");
  return std::vector<std::int64_t>(static_cast<std::size_t>(count), rows / count);
}

}  // namespace perfbench
