// How sure the ratio of two rows' step times is, from what was measured of them.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>

#include "rows/row.h"

namespace perfbench {

// Finite and above 0, as every time is.
bool is_positive(double value);
bool all_positive(std::span<const double> values);

struct Interval {
  double low = 1.0, high = 1.0;
};

struct RatioNoise {
  Interval factor{};      // the ratio times these is its interval of 95 %; low <= 1 <= high
  std::string_view of{};  // "steps" or "repeats": what it was told from, and more of which would narrow it
  std::size_t count = 0;  // of them, on the side that has more
};

// Of the step times, new over baseline. The same rows, the same noise.
// Where a side was repeated, from the spread between its repeats, which has all in it that one run can't see: Student's
// t interval of the logarithms, their variance pooled over both sides, 1.2533 times as wide because a median and not
// the mean is compared. Else from the samples of both, by the bootstrap of bootstrap.h. Nothing where a side has too
// few samples for that, or one that is no time; no noise at all where both rows have the very same.
std::optional<RatioNoise> ratio_noise(const Row& baseline, const Row& current);

}  // namespace perfbench
