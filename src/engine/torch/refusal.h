// Whether a library has no kernel for what it was asked, or something went wrong.
#pragma once

#include <c10/core/Device.h>

#include <functional>
#include <optional>
#include <string>

namespace perfbench {

// Runs `attempt`. Nothing: it was done. Else why the library has no kernel for it; nothing was done then, and another
// kernel may serve. Running out of memory and errors of the device are thrown on: also those of earlier work, which
// show themselves in whatever is called next. `settle` waits for the device and throws its error, if it has one.
std::optional<std::string> refusal_of(const std::function<void()>& attempt, const std::function<void()>& settle);

// A `settle` for a device: the host waits for all that was given to it.
std::function<void()> waits_for(c10::Device device);

}  // namespace perfbench
