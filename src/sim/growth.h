// How far the clocks of a pipeline stand, and by how much they grow over a stretch of the step.
#pragma once

#include <cstddef>
#include <vector>

#include "sim/pipeline_state.h"

namespace perfbench {

// In the order of PipelineState: the compute lanes of all stages come first.
struct Mark {
  std::size_t num_stages = 0;
  std::vector<double> times_s{}, sums{};
};
Mark mark_lanes(PipelineState& state);  // its lanes alone, no sums
Mark mark(PipelineState& state);        // all its times and sums

struct Growth {
  double slowest_s = 0.0, fastest_s = 0.0;  // of a stage's compute lane
  std::vector<double> times_s{}, sums{};
};
// Throws std::logic_error when the two are not of equal stretches of one schedule.
Growth growth(const Mark& before, const Mark& after);

// Of the times of two stretches up to `now`: equal but for 1e-11 of the stretch and what rounding does to great values.
bool alike(const Growth& a, const Growth& b, const Mark& now);

// Whether all sums of two stretches in a row and of one that comes `skipped` stretches later, up to `now`, grow by
// amounts on a line, just as closely.
bool on_a_line(const Growth& first, const Growth& second, double skipped, const Growth& later, const Mark& now);

// By how much each time grows against the slowest stage; what grows alike has exactly the same number.
std::vector<double> drifts_s(const Growth& growth, const Mark& now);

}  // namespace perfbench
