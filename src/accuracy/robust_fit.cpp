#include "accuracy/robust_fit.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace perfbench {
namespace {

constexpr double kHuber = 0.05;   // errors above 5 % count linearly
constexpr double kScale = 0.05;   // an error of 5 % costs as much as a constant one deviation off
constexpr int kMostRounds = 100;  // of reweighting
constexpr double kStill = 1e-9;   // deviations: less than that is no move

using Matrix = std::vector<std::vector<double>>;  // symmetric, positive definite: the priors make it so

// The lower triangle L of matrix = L L^T.
Matrix cholesky(const Matrix& matrix) {
  const std::size_t n = matrix.size();
  Matrix lower(n, std::vector<double>(n));
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j <= i; ++j) {
      double sum = matrix[i][j];
      for (std::size_t k = 0; k < j; ++k) sum -= lower[i][k] * lower[j][k];
      lower[i][j] = i == j ? std::sqrt(sum) : sum / lower[j][j];
    }
  }
  return lower;
}

std::vector<double> solve(const Matrix& lower, std::vector<double> x) {
  const std::size_t n = x.size();
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t k = 0; k < i; ++k) x[i] -= lower[i][k] * x[k];
    x[i] /= lower[i][i];
  }
  for (std::size_t i = n; i-- > 0;) {
    for (std::size_t k = i + 1; k < n; ++k) x[i] -= lower[k][i] * x[k];
    x[i] /= lower[i][i];
  }
  return x;
}

double moved_error(const Equation& equation, const std::vector<double>& moves) {
  double error = equation.error;
  for (std::size_t i = 0; i < moves.size(); ++i) error += equation.slopes[i] * moves[i];
  return error;
}

struct Normal {
  Matrix matrix;
  std::vector<double> right;
};

Normal normal_equations(std::span<const Equation> equations, std::span<const double> places,
                        const std::vector<double>& moves) {
  const std::size_t n = places.size();
  Normal normal{.matrix = Matrix(n, std::vector<double>(n)), .right = std::vector<double>(n)};
  for (std::size_t i = 0; i < n; ++i) {
    normal.matrix[i][i] = 1.0;
    normal.right[i] = -places[i];
  }
  for (const Equation& equation : equations) {
    const double size = std::abs(moved_error(equation, moves));
    const double weight = equation.weight * std::min(1.0, kHuber / std::max(size, 1e-12)) / (kScale * kScale);
    for (std::size_t i = 0; i < n; ++i) {
      normal.right[i] -= weight * equation.slopes[i] * equation.error;
      for (std::size_t j = 0; j < n; ++j) normal.matrix[i][j] += weight * equation.slopes[i] * equation.slopes[j];
    }
  }
  return normal;
}

// Square roots of the diagonal of the inverse.
std::vector<double> deviations_of(const Matrix& lower) {
  std::vector<double> deviations;
  for (std::size_t i = 0; i < lower.size(); ++i) {
    std::vector<double> unit(lower.size());
    unit[i] = 1.0;
    deviations.push_back(std::sqrt(solve(lower, std::move(unit))[i]));
  }
  return deviations;
}

}  // namespace

RobustFit robust_fit(std::span<const Equation> equations, std::span<const double> places) {
  RobustFit fit{.moves = std::vector<double>(places.size()), .deviations = {}};
  Matrix lower;
  for (int round = 0; round < kMostRounds; ++round) {
    const Normal normal = normal_equations(equations, places, fit.moves);
    lower = cholesky(normal.matrix);
    const std::vector<double> moves = solve(lower, normal.right);
    double most = 0.0;
    for (std::size_t i = 0; i < moves.size(); ++i) most = std::max(most, std::abs(moves[i] - fit.moves[i]));
    fit.moves = moves;
    if (most < kStill) break;
  }
  fit.deviations = deviations_of(lower);
  return fit;
}

}  // namespace perfbench
