// Where each adapter of a linear stands in the tensors that all of them share.
#pragma once

#include <cstdint>
#include <vector>

#include "program/op.h"

namespace perfbench {

// One adapter's part of each tensor: its columns of the output, its columns of h, its rows of B.
struct AdapterPlace {
  std::int64_t column = 0, columns = 0, h_column = 0, b_row = 0;
};

inline std::vector<AdapterPlace> places_of(const AdapterColumns& blocks, std::int64_t rank) {
  std::vector<AdapterPlace> places;
  std::int64_t column = 0, b_row = 0;
  for (const AdapterBlock& block : blocks) {
    if (block.adapted) {
      places.push_back({.column = column,
                        .columns = block.columns,
                        .h_column = static_cast<std::int64_t>(places.size()) * rank,
                        .b_row = b_row});
      b_row += block.columns;
    }
    column += block.columns;
  }
  return places;
}

}  // namespace perfbench
