#include "models/pieces.h"

#include <utility>

namespace perfbench {

Piece whole_rows(std::string tensor, std::int64_t rows) {
  return {.tensor = std::move(tensor), .rows = rows, .model_rows = rows};
}

Piece output_rows(std::string tensor, const LinearSpec& linear, int tp) {
  const std::int64_t rows = linear.split == Split::out ? local_size(linear.out, tp) : linear.out.size;
  return {.tensor = std::move(tensor), .rows = rows, .model_rows = linear.out.size};
}

}  // namespace perfbench
