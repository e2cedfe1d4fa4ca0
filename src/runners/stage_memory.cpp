#include "runners/stage_memory.h"

#include <initializer_list>
#include <utility>

#include "base/units.h"

namespace perfbench {
namespace {

using Categories = std::initializer_list<std::pair<const char*, double>>;

std::vector<StageMemory> entries_of(int stage, Categories categories) {
  std::vector<StageMemory> entries;
  for (const auto& [category, bytes] : categories)
    entries.push_back({.stage = stage, .category = category, .gib = bytes / kGiB});
  return entries;
}

}  // namespace

std::vector<StageMemory> planned_memory(int stage, const StageMemoryBytes& bytes) {
  return entries_of(stage, {{"parameters", bytes.parameters},
                            {"gradients", bytes.gradients},
                            {"optimizer", bytes.optimizer},
                            {"activations", bytes.activations},
                            {"workspace", bytes.workspace}});
}

std::vector<StageMemory> reserved_memory(int stage, const StageMemoryBytes& bytes) {
  return entries_of(
      stage,
      {{"context", bytes.context}, {"communicators", bytes.communicators}, {"fragmentation", bytes.fragmentation}});
}

}  // namespace perfbench
