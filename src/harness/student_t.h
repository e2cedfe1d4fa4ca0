// How much wider an interval must be that rests on few numbers.
#pragma once

#include <cmath>

namespace perfbench {

inline constexpr double kNormalQuantile = 1.959964;  // of 97.5 %: an interval of 95 % ends that many deviations away

// The 97.5 % quantile of Student's t distribution, for `degrees` >= 1 of freedom, whole or not. The polynomial is
// fitted to the exact values; it is off by less than 0.4 %.
inline double student_t(double degrees) {
  const double x = 1.0 / degrees;
  return kNormalQuantile * std::exp(x * (1.204 + x * (0.808 - 0.143 * x)));
}

}  // namespace perfbench
