#include "engine/op_timer.h"

namespace perfbench {

bool runs_alone(const Op& op) { return lane_of(op) == Lane::compute && class_of(op) != OpClass::state; }

}  // namespace perfbench
