// SI inside, converted once at the door: names of quantities end in _s, _bytes, _flops, _bytes_per_s, _flops_per_s.
#pragma once

namespace perfbench {

inline constexpr double kTera = 1e12;
inline constexpr double kGiga = 1e9;
inline constexpr double kMicro = 1e-6;
inline constexpr double kGiB = 1024.0 * 1024.0 * 1024.0;

}  // namespace perfbench
