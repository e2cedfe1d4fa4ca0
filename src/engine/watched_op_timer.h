// An OpTimer that cannot hang whoever uses it.
#pragma once

#include <functional>
#include <memory>

#include "engine/op_timer.h"

namespace perfbench {

using OpenOpTimer = std::function<std::unique_ptr<OpTimer>(const OpTimerSettings&)>;

// Times on a thread of its own, with copies of all that it is given. An op that does not end within the limit of the
// settings is a TimeoutError; the timer is then left to itself, and num_threads_left_behind() counts it.
std::unique_ptr<OpTimer> open_watched_op_timer(const OpenOpTimer& open, const OpTimerSettings& settings);

}  // namespace perfbench
