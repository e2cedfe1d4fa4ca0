// What published rows are left out of a fit together.
#pragma once

#include <cstdint>

namespace perfbench {

// release: all rows of one document, and the rows of others that have a configuration of them. row: each by itself,
// with its series. system, model: all rows of one.
enum class LeaveOut : std::uint8_t { row, release, system, model };

}  // namespace perfbench
