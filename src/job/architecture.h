// NVIDIA's generations of data-center GPUs, in the order of their years.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace perfbench {

enum class Architecture : std::uint8_t { ampere, ada, hopper, blackwell, blackwell_ultra };

inline constexpr std::array kArchitectures{Architecture::ampere, Architecture::ada, Architecture::hopper,
                                           Architecture::blackwell, Architecture::blackwell_ultra};

std::string_view name(Architecture architecture);
std::optional<Architecture> parse_architecture(std::string_view word);

}  // namespace perfbench
