// How far the median of a run's steps may be off, told from the steps themselves.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace perfbench {

// Mean length of the blocks that are drawn together, from 1 (the steps know nothing of each other) to 4 / 9 of the
// samples. Politis and White (2004), corrected by Patton, Politis and White (2009), "Automatic block-length selection
// for the dependent bootstrap", Econometric Reviews: (2 r / (1 - r^2))^(2/3) n^(1/3) for a series whose neighbours have
// the correlation r. `samples` are in the order in which they were taken.
double block_length(std::span<const double> samples);

// log(median of a resample / median of the samples) for kResamples resamples, made by the stationary bootstrap (Politis
// and Romano 1994, JASA 89) with blocks of block_length(), and stretched as an interval of so few blocks must be. The
// same samples and `stream` give the same numbers; at least kMinSamples samples, each positive.
std::vector<double> median_log_errors(std::span<const double> samples, std::uint64_t stream);

inline constexpr std::size_t kResamples = 1000;
inline constexpr std::size_t kMinSamples = 9;  // fewer measured steps say nothing reliable about their spread

}  // namespace perfbench
