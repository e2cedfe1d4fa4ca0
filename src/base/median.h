// Medians: what a few odd samples do not move.
#pragma once

#include <span>

namespace perfbench {

// Of at least one value; the mean of the middle two where their number is even.
double median(std::span<const double> values);
// The same, without a copy: changes the order of the values.
double median_in_place(std::span<double> values);
// median(|value - median|), not scaled. Of at least one value.
double median_absolute_deviation(std::span<const double> values);

}  // namespace perfbench
