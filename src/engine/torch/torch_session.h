// The Session of engine/session.h over LibTorch.
#pragma once

#include <memory>

#include "engine/session.h"

namespace perfbench {

// Throws Unsupported for what the engine lacks and EnvironmentError for a device that is not there.
std::unique_ptr<Session> make_torch_session(const Plan& plan, const SessionSettings& settings);

}  // namespace perfbench
