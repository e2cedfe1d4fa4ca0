// The OpTimer of engine/op_timer.h over LibTorch.
#pragma once

#include <memory>

#include "engine/op_timer.h"

namespace perfbench {

// Throws EnvironmentError for a device that is not there.
std::unique_ptr<OpTimer> make_torch_op_timer(const OpTimerSettings& settings);

}  // namespace perfbench
