#include "runners/stage_memory.h"

#include <utility>

#include "base/units.h"

namespace perfbench {

std::vector<StageMemory> planned_memory(int stage, const StageMemoryBytes& bytes) {
  const std::pair<const char*, double> categories[] = {{"parameters", bytes.parameters},
                                                       {"gradients", bytes.gradients},
                                                       {"optimizer", bytes.optimizer},
                                                       {"activations", bytes.activations},
                                                       {"workspace", bytes.workspace}};
  std::vector<StageMemory> entries;
  for (const auto& [category, value] : categories)
    entries.push_back({.stage = stage, .category = category, .gib = value / kGiB});
  return entries;
}

}  // namespace perfbench
