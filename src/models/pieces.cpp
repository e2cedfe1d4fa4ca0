#include "models/pieces.h"

#include <utility>

namespace perfbench {

Piece whole_rows(std::string tensor, std::int64_t rows) {
  return {.tensor = std::move(tensor), .rows = rows, .model_rows = rows};
}

Piece output_rows(std::string tensor, const LinearSpec& linear, int tp) {
  const std::int64_t rows = linear.split == Split::out ? local_size(linear.out, tp) : linear.out.size;
  const std::int64_t copies = linear.split == Split::out ? rows * tp / linear.out.size : 1;
  return {.tensor = std::move(tensor), .rows = rows, .copies = static_cast<int>(copies), .model_rows = linear.out.size};
}

}  // namespace perfbench
