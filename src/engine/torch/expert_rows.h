// How rows are dealt to experts, as the host must know it: it issues exchanges and products by these numbers.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "program/mesh.h"

namespace perfbench {

// Of one rank. Sources are the ranks of ep x etp, by etp, then by ep.
struct ExpertRows {
  std::vector<std::int64_t> sent{}, received{};  // of its own rows to each rank of ep, and of each to it
  std::vector<std::int64_t> gathered{};          // that each rank of etp has received for the experts that they share
  std::vector<std::int64_t> parts{};             // of every source for each of the rank's experts, source by source
  std::vector<std::int64_t> by_expert{};         // of all sources
};

// `all`: what ShareCounts gives, (S, E) row-major.
ExpertRows expert_rows(std::span<const std::int64_t> all, const Mesh& mesh, const Coordinates& at);

// `rows` in `count` equal parts. Throws std::logic_error where they do not divide.
std::vector<std::int64_t> equal_parts(std::int64_t rows, std::int64_t count);

}  // namespace perfbench
