// The Programs of a whole job: chunks that are built alike share one.
#pragma once

#include <cstddef>
#include <vector>

#include "program/program.h"

namespace perfbench {

struct JobPrograms {
  std::vector<Program> kinds;
  std::vector<int> kind_of;  // pp * vp entries, chunk c of stage s at c * pp + s: index in `kinds`

  // Of chunk `chunk` of stage `stage` in model order.
  static std::size_t index(int chunk, int stage, int pp) {
    return static_cast<std::size_t>(chunk) * static_cast<std::size_t>(pp) + static_cast<std::size_t>(stage);
  }
  int kind(int chunk, int stage, int pp) const { return kind_of[index(chunk, stage, pp)]; }
  const Program& of(int chunk, int stage, int pp) const {
    return kinds[static_cast<std::size_t>(kind(chunk, stage, pp))];
  }
};

}  // namespace perfbench
