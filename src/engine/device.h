// Where ranks run.
#pragma once

#include <cstdint>

namespace perfbench {

enum class Device : std::uint8_t { cpu, cuda };

}  // namespace perfbench
