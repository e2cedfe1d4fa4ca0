#include "engine/op_timer.h"

#include <variant>

namespace perfbench {

bool runs_alone(const Op& op) {
  if (lane_of(op) != Lane::compute) return false;
  return !std::holds_alternative<GradNorm>(op) && !std::holds_alternative<AdamW>(op);
}

}  // namespace perfbench
