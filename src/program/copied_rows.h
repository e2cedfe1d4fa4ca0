// Rows of weights that neighbouring tp ranks hold in copies: key/value heads, where there are more ranks than heads.
#pragma once

#include <cstdint>
#include <vector>

#include "program/program.h"

namespace perfbench {

struct RowRange {
  std::int64_t first = 0, rows = 0;  // of a weight's dim 0, on one rank
  bool operator==(const RowRange&) const = default;
};

// In order; those that lie side by side are one range.
std::vector<RowRange> copied_rows(const Program& program, ValueId weight);

// Of the rows that the op sums, on one rank.
std::int64_t summed_bytes(const ReduceCopiedRows& op, const Program& program);

}  // namespace perfbench
