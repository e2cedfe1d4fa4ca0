// How far published step times lie from predicted ones: what a prediction's likely range comes from.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "accuracy/known_rows.h"
#include "accuracy/left_out.h"

namespace perfbench {

// Published over predicted step times.
struct Spread {
  double low = 1.0, high = 1.0;
  double rows = 0.0;  // by weight
  int documents = 0;
  bool holds(double error) const;  // of log(predicted / published tokens/s)
};

// The 10th and the 90th percentile of the errors of left-out rows of one software, as far as `counts` lets a row in (by
// its place). The next document is another release or source: the distances from the median are widened as Student's t
// would have it of as many documents as there are, those of all software, since one software has too few to say how far
// apart documents lie. Unset where no row of the software counts.
std::optional<Spread> spread_of(const KnownRows& known, const std::vector<double>& errors, const std::string& software,
                                const std::function<bool(std::size_t)>& counts);

// Of each row, whether the range that the rows of all other folds give holds it; unset where they give none.
std::vector<std::optional<bool>> held_when_left_out(const KnownRows& known, const LeftOut& out);

// The value under which `share` of the weight lies, between two values in proportion. Of at least one.
double weighted_quantile(std::vector<std::pair<double, double>> values_and_weights, double share);

}  // namespace perfbench
