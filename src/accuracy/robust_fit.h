// Robust least squares with priors: a handful of constants, decided by rows of which some are odd.
#pragma once

#include <span>
#include <vector>

namespace perfbench {

// One row: its error on a logarithmic scale where the constants stand now, what that changes by for each constant that
// is moved by one deviation of its prior, and how much the row counts.
struct Equation {
  double error = 0.0;
  std::span<const double> slopes{};
  double weight = 1.0;
};

struct RobustFit {
  std::vector<double> moves{};       // of each constant from where it stands, in deviations of its prior
  std::vector<double> deviations{};  // of each, after the rows were seen; 1: they say nothing
};

// What makes  sum of weight x huber(error + slopes . moves)  +  sum of (places + moves)^2  least. `places` is how far
// each constant stands from its prior. An error of 5 % costs as much as a constant one deviation off; beyond 5 % errors
// count linearly (Huber 1964), by reweighting until the moves stand still.
RobustFit robust_fit(std::span<const Equation> equations, std::span<const double> places);

}  // namespace perfbench
