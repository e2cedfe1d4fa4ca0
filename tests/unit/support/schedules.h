// Schedules as lists, for tests that look at all of one or change it.
#pragma once

#include <vector>

#include "program/pipeline_transfers.h"
#include "program/schedule.h"

namespace perfbench {

inline std::vector<Slot> schedule(const PipelineShape& shape, int stage) {
  const Schedule slots(shape, stage);
  std::vector<Slot> list;
  for (std::size_t i = 0; i < slots.size(); ++i) list.push_back(slots[i]);
  return list;
}

inline std::vector<StageStep> stage_steps(const PipelineShape& shape, int stage) {
  const StageSteps steps(shape, stage);
  std::vector<StageStep> list;
  for (std::size_t i = 0; i < steps.size(); ++i) list.push_back(steps[i]);
  return list;
}

}  // namespace perfbench
