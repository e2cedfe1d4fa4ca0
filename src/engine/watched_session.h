// A session that cannot hang whoever uses it.
#pragma once

#include <functional>
#include <memory>

#include "engine/session.h"

namespace perfbench {

using OpenSession = std::function<std::unique_ptr<Session>(const Plan&, const SessionSettings&)>;

// Opens, steps and closes the session on a thread of its own, with copies of all that it is given. A rank that does not
// go on within the limits of the settings is a TimeoutError that names the step, the rank and the op; the session is
// then left to itself, and num_threads_left_behind() counts it. Closing that hangs is no error, but counts as well.
std::unique_ptr<Session> open_watched_session(const OpenSession& open, const Plan& plan,
                                              const SessionSettings& settings);

}  // namespace perfbench
